// Built from js/src by `make js`; edit the sources, not this file.
function el(tag,props={},...children){let node=document.createElement(tag);return fill(node,props,children),node}function fill(node,props,children){for(let[name,value]of Object.entries(props))if(name==="text")node.textContent=value;else if(name==="on")for(let[event,listener]of Object.
entries(value))node.addEventListener(event,listener);else attribute(node,name,value);for(let child of children)child&&node.append(child)}function attribute(node,name,value){
if(value===!1||value===null||value===void 0){node.hasAttribute(name)&&node.removeAttribute(name);return}let text=value===!0&&!name.startsWith("aria-")?"":String(
value);node.getAttribute(name)!==text&&node.setAttribute(name,text)}function write(node,text){node.textContent!==text&&(node.textContent=text)}function writeMixed(node,parts){
node.textContent!==parts.join("")&&node.replaceChildren(...parts.map((text,i)=>i%2?el("bdi",{text}):text))}function themeOf(root,wish){if(wish==="light"||wish==="dark")return wish;let body=document.body,jupyter=body.dataset.jpThemeLight;if(jupyter!==void 0)return jupyter===
"false"?"dark":"light";if(body.classList.contains("vscode-dark")||body.classList.contains("vscode-high-contrast"))return"dark";if(body.classList.contains("vscod\
e-light"))return"light";let colab=document.documentElement.getAttribute("theme");return colab==="dark"||colab==="light"?colab:darkness(above(root))??isCanvasDark()?
"dark":"light"}function isCanvasDark(){let schemes=getComputedStyle(document.documentElement).colorScheme.split(/\s+/);return schemes.includes("dark")?!schemes.
includes("light")||matchMedia("(prefers-color-scheme: dark)").matches:!1}function darkness(node){for(;node;node=above(node)){let[red,green,blue,alpha]=painted(getComputedStyle(
node).backgroundColor);if(alpha>=128)return .299*red+.587*green+.114*blue<128}return null}var pen=null;function painted(color){if(!pen){let canvas=document.createElement(
"canvas");canvas.width=canvas.height=1,pen=canvas.getContext("2d",{willReadFrequently:!0})}return pen.clearRect(0,0,1,1),pen.fillStyle="transparent",pen.fillStyle=
color,pen.fillRect(0,0,1,1),pen.getImageData(0,0,1,1).data}function above(node){let root=node.getRootNode();return node.parentElement??(root instanceof ShadowRoot?
root.host:null)}var FADED=400;function watchTheme(look){let later,changed=()=>{look(),clearTimeout(later),later=setTimeout(look,FADED)},scheme=matchMedia("(pref\
ers-color-scheme: dark)");scheme.addEventListener("change",changed);let watcher=new MutationObserver(changed),attributeFilter=["class","theme","data-jp-theme-li\
ght","data-jp-theme-name","data-vscode-theme-kind"];for(let node of[document.documentElement,document.body])watcher.observe(node,{attributes:!0,attributeFilter});
return()=>{clearTimeout(later),scheme.removeEventListener("change",changed),watcher.disconnect()}}var CardView=class{constructor(page){this.page=page,this.addresses=[],this.prompt=el("p",{class:"daam-rating-prompt","data-testid":"prompt"}),this.images=el("di\
v",{class:"daam-rating-images","data-testid":"images"}),this.ask=el("h3",{class:"daam-rating-ask","data-testid":"ask"}),this.answers=el("div",{class:"daam-ratin\
g-answers",role:"group","aria-label":"Answers"},...page.form.choices.map(choice=>el("button",{type:"button",class:"daam-rating-answer","data-testid":"answer","d\
ata-value":choice.value,"aria-keyshortcuts":choice.keys.join(" ").toUpperCase(),on:{click:()=>page.answer(choice.value)}},el("kbd",{text:choice.keys[0].toUpperCase()}),
el("span",{text:choice.label})))),this.before=el("p",{class:"daam-rating-soft daam-rating-before","data-testid":"given"}),this.element=el("section",{class:"daam\
-rating-card","data-testid":"card"},this.prompt,this.images,this.ask,this.answers,this.before)}async show(card){this.#said(card);let{prompt}=card;if(this.prompt.
hidden=prompt===null,prompt){let[before,word,after]=prompt,mark=el("mark",{},el("bdi",{text:word}));this.prompt.replaceChildren(el("bdi",{},document.createTextNode(
before),mark,after?document.createTextNode(after):null))}writeMixed(this.ask,card.ask);let old=this.addresses;this.addresses=[];let images=card.images.map(image=>this.#image(
image));await Promise.allSettled(images.map(image=>image.decode())),this.images.replaceChildren(...images),old.forEach(address=>URL.revokeObjectURL(address))}#image({
label,size,data}){let bytes=new Uint8Array(data.buffer,data.byteOffset,data.byteLength),address=URL.createObjectURL(new Blob([bytes.slice()],{type:"image/png"}));
return this.addresses.push(address),el("img",{src:address,alt:label,height:size[0],width:size[1],draggable:"false"})}#said({given}){for(let button of this.answers.
children){let chosen=given!==null&&attributeOf(button,"data-value")===given.answer;attribute(button,"aria-pressed",given===null?null:String(chosen))}let skipped=given!==
null&&given.answer==="";write(this.before,given===null?"":skipped?`You skipped this one: ${given.reason} Answer it now, or → forward.`:"This is your answer. G\
ive another one, or → forward.")}get spoken(){let prompt=this.prompt.hidden?"":`Sentence: ${this.prompt.textContent}. `,keys=this.page.form.choices.map(one=>`${one.
keys[0]}: ${one.label}`).join(", ");return`${prompt}${this.ask.textContent} ${keys}. ${this.before.textContent}`}destroy(){this.addresses.forEach(address=>URL.revokeObjectURL(
address))}};function attributeOf(node,name){return node.getAttribute(name)??""}var Clock=class{constructor(now=()=>performance.now()){this.now=now,this.sum=0,this.since=null}reset(){this.sum=0,this.since=null}run(on){on&&this.since===null&&
(this.since=this.now()),!on&&this.since!==null&&(this.sum+=this.now()-this.since,this.since=null)}get seconds(){return(this.sum+(this.since===null?0:this.now()-
this.since))/1e3}};function about(seconds){if(seconds===null)return"";if(seconds<45)return"less than a minute left";let minutes=Math.round(seconds/60);if(minutes<
60)return`about ${Math.max(1,minutes)} min left`;let hours=Math.floor(minutes/60),rest=Math.round(minutes%60/10)*10;return rest===60?`about ${hours+1} h left`:`\
about ${hours} h ${rest} min left`}var Frame=class{constructor(page){this.page=page,this.count=el("span",{class:"daam-rating-count","data-testid":"count"}),this.left=el("span",{class:"daam-rating\
-soft","data-testid":"left"}),this.bar=el("progress",{class:"daam-rating-bar",max:"1","aria-label":"Answered"}),this.tools=el("div",{class:"daam-rating-tools",role:"\
group","aria-label":"Acts"},tool("back","Back","←",()=>page.move("back")),tool("forward","Forward","→",()=>page.move("forward")),tool("skip","Skip","S",()=>page.
open("skipping")),tool("help","Instructions","I",()=>page.open("instructions")),tool("large","Large","L",()=>page.large()),tool("dark","Dark","D",()=>page.dark())),
this.notice=el("p",{class:"daam-rating-notice",role:"alert","data-testid":"notice"}),this.off=el("p",{class:"daam-rating-off",text:"Keys are off: click here, or\
 press Tab until the frame is blue.","data-testid":"off"}),this.live=el("p",{class:"daam-rating-hidden",role:"status","aria-live":"polite","data-testid":"live"}),
this.root=el("div",{class:"daam-rating",tabindex:"0",role:"application","aria-label":`Rating: ${page.form.title}`,"data-testid":"rating","data-lm-suppress-short\
cuts":"true"},el("header",{class:"daam-rating-head"},this.count,this.bar,this.left),this.notice,...page.parts,el("footer",{class:"daam-rating-foot"},this.tools,
this.off),this.live)}look(){let{page,root}=this,{answered,of,seconds_left:left}=page.progress,{card}=page;write(this.count,card.end?`${of} of ${of}`:`${card.place+
1} of ${of}`),write(this.left,card.end?"":about(left)),this.bar.value=of?answered/of:0,root.dataset.theme=themeOf(root,page.model.get("theme")),root.dataset.screen=
page.screen,root.dataset.turn=String(page.shown),root.dataset.ready=String(page.ready&&!page.waiting),attribute(root,"data-large",page.model.get("large")?"true":
null);let asking=page.screen==="card"||page.screen==="end",on={back:asking&&card.place>0,forward:asking&&!card.end&&card.given!==null,skip:page.screen==="card"};
for(let button of this.tools.children){let name=button.getAttribute("data-testid");name in on&&attribute(button,"disabled",!on[name])}}focused(){this.off.hidden=
this.root.contains(document.activeElement)}say(text){write(this.live,text)}tell(text){write(this.notice,text)}takeKeys(){this.root.focus({preventScroll:!0})}};function tool(name,text,key,does){
return el("button",{type:"button",class:"daam-rating-button","data-testid":name,on:{click:does}},el("kbd",{text:key}),el("span",{text}))}var LIST=[["←","back, to answer anew"],["→","forward again"],["S","skip, with a reason"],["I","these instructions"],["L","large type"],["D","dark or light"]];
function sign(event,known){let key=event.key.toLowerCase();if(known.includes(key))return key;let place=/^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code??""),there=place?
place[1].toLowerCase():"";return known.includes(there)?there:key}var OWN=["s","i","l","d"],DIGITS=[..."123456789"];function choiceOf(choices,key){return choices.
find(one=>one.keys.includes(key))}function modified(event){return event.ctrlKey||event.metaKey||event.altKey}var Instructions=class{constructor(page){let{form}=page;this.button=el("button",{type:"button",class:"daam-rating-button daam-rating-main","data-testid":"go",on:{
click:()=>page.go()}}),this.state=el("p",{class:"daam-rating-soft"});let keys=[...form.choices.map(one=>[one.keys.join(" ").toUpperCase(),one.label])];this.element=
el("section",{class:"daam-rating-panel","data-testid":"instructions","aria-label":"Instructions"},el("h3",{text:form.title}),...form.instructions.map(text=>el("\
p",{text})),el("dl",{class:"daam-rating-keys"},...[...keys,...LIST].map(([key,does])=>el("div",{},el("dt",{},el("kbd",{text:key})),el("dd",{text:does})))),this.
state,this.button)}update(first,{answered,of},rater){let begun=answered>0||!first;write(this.state,`${rater}: ${answered} of ${of} answered. Each answer is save\
d at once.`),this.button.replaceChildren(begun?"Go on ":"Begin ",el("kbd",{text:"Enter"}))}},Skipping=class{constructor(page){this.page=page,this.typed=el("inpu\
t",{type:"text",maxlength:String(page.form.longest),class:"daam-rating-input",placeholder:"another reason, then Enter","aria-label":"Another reason","data-testi\
d":"reason",on:{keydown:event=>this.#typing(event)}}),this.element=el("section",{class:"daam-rating-panel","data-testid":"skipping","aria-label":"Why skip?"},el(
"h3",{text:"Why skip this one?"}),el("div",{class:"daam-rating-reasons"},...page.form.reasons.map((text,place)=>el("button",{type:"button",class:"daam-rating-bu\
tton",on:{click:()=>page.skip(text)}},el("kbd",{text:String(place+1)}),el("span",{text}))),this.typed),el("p",{class:"daam-rating-soft"},el("kbd",{text:"Esc"}),
el("span",{text:" back to the image; T: type a reason"})))}open(){return this.typed.value="",`Why skip? ${this.page.form.reasons.map((text,place)=>`${place+1}: ${text}`).
join(" ")} T: type a reason. Escape: back.`}#typing(event){event.stopPropagation(),!event.isComposing&&(event.key==="Enter"&&this.typed.value.trim()!==""&&this.
page.skip(this.typed.value),event.key==="Escape"&&this.page.close())}key(key){let reason=this.page.form.reasons[Number(key)-1];if(reason!==void 0)this.page.skip(
reason);else if(key==="t")this.typed.focus();else if(key==="escape"||key==="s")this.page.close();else return!1;return!0}};var UNSEEN=150,SILENT=4e3,Page=class{constructor(model,parent){this.model=model,this.form=model.get("_form"),this.stop=new AbortController,this.clock=new Clock,
this.begun=!1,this.ready=!1,this.waiting=!1,this.shown=-1,this.screen="instructions",this.late=void 0,this.asked=new CardView(this),this.instructions=new Instructions(
this),this.skipping=new Skipping(this),this.end=el("section",{class:"daam-rating-panel","data-testid":"end"}),this.frame=new Frame(this),parent.append(this.frame.
root),this.unwatch=this.#listen(),this.open("instructions"),this.#take()}get parts(){return[this.asked.element,this.instructions.element,this.skipping.element,this.
end]}get card(){return this.model.get("_card")}get progress(){return this.model.get("_progress")}#listen(){let{root}=this.frame,{signal}=this.stop;root.addEventListener(
"keydown",event=>this.#key(event)),root.addEventListener("focusin",()=>this.frame.focused()),root.addEventListener("focusout",()=>setTimeout(()=>this.frame.focused()));
let keep=event=>attribute(root,"data-lm-suppress-shortcuts",modified(event)?null:"true");window.addEventListener("keydown",keep,{capture:!0,signal}),document.addEventListener(
"visibilitychange",()=>this.#time(),{signal});let heard=[["change:_card",()=>this.#take()],["change:_progress",()=>this.#look()],["change:theme",()=>this.#look()],
["change:large",()=>this.#look()],["msg:custom",message=>this.#told(message)]];heard.forEach(([event,does])=>this.model.on(event,does));let themes=watchTheme(()=>this.#look());
return()=>{heard.forEach(([event,does])=>this.model.off(event,does)),themes()}}async#take(){let{card}=this;this.ready=!1,this.#waitFor(!1),this.clock.reset(),card.
end?this.#finish():await this.asked.show(card),this.card.turn===card.turn&&(this.shown=card.turn,this.frame.tell(""),this.screen!=="instructions"&&this.open(card.
end?"end":"card"),this.begun&&this.#say(),this.#look(),setTimeout(()=>{this.shown===card.turn&&(this.ready=!0,this.#look())},UNSEEN))}#finish(){let{of,skipped}=this.
progress,rest=skipped?`, ${skipped} of them skipped`:"";this.end.replaceChildren(el("h3",{text:"Done. Thank you!"}),el("p",{text:`${of} of ${of} answered${rest}\
. Saved in ${this.form.kept_in}.`}),el("p",{class:"daam-rating-soft",text:"← goes back to the last one."}))}#told(message){message?.type==="error"&&(this.#waitFor(
!1),this.frame.tell(`Not saved: ${message.text}`))}#key(event){if(modified(event)||(event.stopPropagation(),event.defaultPrevented||event.repeat||event.key==="T\
ab"))return;let target=event.target;if(target.closest("input"))return;let answers=this.form.choices.flatMap(one=>one.keys),key=sign(event,[...answers,...OWN,"t",
...DIGITS]);(key==="enter"||key===" ")&&target.closest("button")||this.#does(key)&&event.preventDefault()}#does(key){if(this.screen==="skipping"&&this.skipping.
key(key))return!0;let choice=this.screen==="card"?choiceOf(this.form.choices,key):void 0,leaves=this.screen==="instructions"&&["enter","escape","i"].includes(key);
if(choice)this.answer(choice.value);else if(leaves)this.go();else if(key==="i")this.open("instructions");else if(key==="l")this.large();else if(key==="d")this.dark();else if(key===
"arrowleft"||key==="backspace")this.move("back");else if(key==="arrowright")this.move("forward");else if(key==="s")this.open("skipping");else return!1;return!0}answer(value){
this.screen==="card"&&this.#send({type:"answer",answer:value})}skip(reason){this.screen==="skipping"&&this.#send({type:"skip",skip:reason})}move(to){(this.screen===
"card"||this.screen==="end")&&this.#send({type:"go",to})}go(){this.begun=!0,this.open(this.card.end?"end":"card"),this.#say(),this.frame.takeKeys()}close(){this.
open("card"),this.frame.takeKeys()}#send(act){!this.ready||this.waiting||(this.clock.run(!1),this.#waitFor(!0),this.model.send({...act,turn:this.shown,seconds:this.
clock.seconds}),this.frame.takeKeys())}#waitFor(on){this.waiting=on,clearTimeout(this.late);let busy="The kernel is busy, or gone; your answer is not saved yet.";
on&&(this.late=setTimeout(()=>this.frame.tell(busy),SILENT)),this.#look()}large(){this.model.set("large",!this.model.get("large")),this.model.save_changes()}dark(){
let dark=themeOf(this.frame.root,this.model.get("theme"))==="dark";this.model.set("theme",dark?"light":"dark"),this.model.save_changes()}open(screen){screen==="\
skipping"&&this.screen!=="card"||(this.screen=screen,this.asked.element.hidden=screen!=="card"&&screen!=="skipping",this.instructions.element.hidden=screen!=="i\
nstructions",this.skipping.element.hidden=screen!=="skipping",this.end.hidden=screen!=="end",screen==="skipping"&&this.frame.say(this.skipping.open()),screen===
"instructions"&&this.frame.say(this.form.instructions.join(" ")),this.#look())}#look(){this.instructions.update(!this.begun,this.progress,this.form.rater),this.
frame.look(),this.#time()}#time(){let seen=this.screen==="card"&&!document.hidden&&!this.waiting;this.clock.run(seen&&this.shown===this.card.turn)}#say(){let{end,
count}={end:this.end,count:this.frame.count};this.frame.say(`${count.textContent}. ${this.card.end?end.textContent:this.asked.spoken}`)}destroy(){this.stop.abort(),
clearTimeout(this.late),this.unwatch(),this.asked.destroy(),this.frame.root.remove()}};function render({model,el:el2}){let page=new Page(model,el2);return()=>page.destroy()}var index_default={render};export{index_default as default};
