// Built from js/src by `make js`; edit the sources, not this file.
var controls_data_default={word:{kind:"EntryNumber",default:0,redraws:["WORDS","MAP","STRIP","GRID","PANEL"]},choice:{kind:"ChoiceName",default:"all",redraws:["\
MAP","STRIP","SELECTION","GRID"]},layer:{kind:"Whole",default:-1,redraws:["MAP","STRIP","SELECTION"],low:-1,high:null},head:{kind:"Whole",default:-1,redraws:["M\
AP","STRIP","SELECTION"],low:-1,high:null},heads:{kind:"SeveralHeads",default:[],redraws:["MAP","STRIP","SELECTION"]},steps:{kind:"Steps",default:[0,1],redraws:[
"MAP","STEPS"]},saved:{kind:"SavedSelections",default:[],redraws:["SELECTION"],address:!1},word_b:{kind:"EntryNumber",default:-1,redraws:["WORDS","MAP","STRIP",
"PANEL"]},opacity:{kind:"Share",default:.65,redraws:["MAP","LOOK"],label:"Opacity",title:"Of the colors over the image",panel:"look"},threshold:{kind:"Share",default:.4,
redraws:["MAP","LOOK"],label:"Threshold",title:"Share of the map's peak from which on a place belongs to the mask",panel:"look"},contour:{kind:"Flag",default:!0,
redraws:["MAP","LOOK"],label:"Contour",title:"Line around the mask (t)",panel:"look"},cells:{kind:"Flag",default:!1,redraws:["MAP","LOOK"]},follow_step:{kind:"F\
lag",default:!1,redraws:["BASE","MAP","LOOK"],label:"Forming image",title:"The image as it was at the last chosen step",panel:"look"},colormap:{kind:"OneOf",default:"\
inferno",redraws:["MAP","STRIP","GRID","LOOK"],options:[["inferno","inferno"],["magma","magma"],["plasma","plasma"],["viridis","viridis"],["cividis","cividis"],
["gray","gray"]],label:"Colors",panel:"look"},playing:{kind:"Flag",default:!1,redraws:["STEPS"],handout:!1,address:!1},interval:{kind:"Whole",default:200,redraws:[
"STEPS"],low:20,high:1e4},tile_axes:{kind:"OneOf",default:"heads",redraws:["GRID","SELECTION"],options:[["heads","heads"],["steps","steps"]]},tile_measure:{kind:"\
MeasureName",default:"mean",redraws:["GRID"],options:[]},tile_sort:{kind:"MeasureName",default:"network",redraws:["GRID"],options:[["network","by network"],["li\
keness","by likeness"]]},tile_show:{kind:"OneOf",default:"auto",redraws:["GRID"],options:[["auto","maps, or colors"],["maps","maps"],["colors","colors"]],label:"\
Show",title:"Small maps, or one color for each head by its measure",panel:"tiles"},tile_scale:{kind:"OneOf",default:"own",redraws:["GRID"],options:[["common","o\
ne scale"],["own","own scales"]],label:"Scale",title:"Colors of the tiles: by the strongest of all, or each by its own peak",panel:"tiles"},show_pieces:{kind:"F\
lag",default:!1,redraws:["WORDS"]},show_syntax:{kind:"Flag",default:!1,redraws:["WORDS"]},word_order:{kind:"OneOf",default:"text",redraws:["WORDS"],options:[["t\
ext","in the text's order"],["attention","most attention first"]],label:"Order",title:"Most attention: the largest mean of its map",panel:"words"},theme:{kind:"\
OneOf",default:"auto",redraws:["THEME"],options:[["auto","auto"],["light","light"],["dark","dark"]],label:"Theme",panel:"more"},projector:{kind:"Flag",default:!1,
redraws:["ALL"],label:"Projector",title:"Large type for a lecture hall",panel:"more"},region:{kind:"Region",default:[],redraws:["MAP","PANEL"]},rank_by:{kind:"O\
neOf",default:"lift",redraws:["PANEL"],options:[["lift","by lift"],["share","by share"]],label:"Order",title:"Lift: the share here over the share in the whole i\
mage. Share: of all words here.",panel:"ranking"},view:{kind:"OneOf",default:"overlay",redraws:["WORDS","MAP","LOOK"],options:[["overlay","both maps"],["differe\
nce","A minus B"]],label:"Show",panel:"look"},difference_scale:{kind:"OneOf",default:"own",redraws:["MAP","LOOK"],options:[["own","of each peak"],["common","in \
their unit"]],label:"Scale",title:"Each map as a share of its own peak, or as it is",panel:"look"}};function counting({layer,head,heads}){if(!heads?.length)return{layer,head};let pairs=pairsIn(heads);return pairs.length===0?{layer,head:heads.length>1?heads:numbersIn(
heads)[0]}:pairs.length>1?{layer:-1,head:pairs}:{layer:pairs[0][0],head:pairs[0][1]}}function pairsIn(head){return typeof head=="number"?[]:head.filter(one=>typeof one!=
"number")}function numbersIn(head){return typeof head=="number"?head<0?[]:[head]:head.filter(one=>typeof one=="number")}function inEveryLayer({layer,head}){let numbers2=numbersIn(
head);return layer>=0&&numbers2.length>0?numbers2.map(number=>[layer,number]):head}function holds(chosen,layer,head){return pairsIn(chosen.head).some(([l,h])=>l===
layer&&h===head)?!0:chosen.layer>=0&&chosen.layer!==layer?!1:numbersIn(chosen.head).includes(head)||chosen.layer===layer&&chosen.head===-1}function withHeads(facts,layers,chosen,pairs){
let before2=expanded(facts,layers,chosen),isIn=(list2,[l,h])=>list2.some(([layer,head])=>layer===l&&head===h),taken=pairs.every(pair2=>isIn(before2,pair2)),after=before2.
filter(pair2=>!isIn(pairs,pair2)).concat(taken?[]:pairs);return asChoice(after.sort(([l,h],[layer,head])=>l-layer||h-head))}function withSet(facts,layers,chosen,pairs,more){
let all=more?[...expanded(facts,layers,chosen),...pairs]:pairs,sorted2=[...new Map(all.map(pair2=>[pair2[0]*4096+pair2[1],pair2]))].sort(([p],[q])=>p-q).map(([,
pair2])=>pair2);return sorted2.length>0&&sorted2[0][0]===sorted2[sorted2.length-1][0]&&sorted2.length===facts.layers[sorted2[0][0]].heads?{layer:sorted2[0][0],head:-1,
heads:[]}:asChoice(sorted2)}function withColumn(facts,layers,chosen,head){if(chosen.layer<0&&pairsIn(chosen.head).length===0){let before2=numbersIn(chosen.head),
after=before2.includes(head)?before2.filter(h=>h!==head):[...before2,head];return after.sort((p,q)=>p-q),after.length>1?{layer:-1,head:-1,heads:after}:{layer:-1,
head:after[0]??-1,heads:[]}}let column=layers.filter(i=>head<facts.layers[i].heads).map(i=>[i,head]);return withHeads(facts,layers,chosen,column)}function headsOf(facts,layer){
return Array.from({length:facts.layers[layer].heads},(_,head)=>[layer,head])}function expanded(facts,layers,chosen){if(chosen.layer<0&&chosen.head===-1)return[];
let pairs=pairsIn(chosen.head);return pairs.length>0?pairs:(chosen.layer<0?layers:[chosen.layer]).flatMap(i=>headsOf(facts,i)).filter(([layer,head])=>holds(chosen,
layer,head))}function asChoice(pairs){if(pairs.length>1)return{layer:-1,head:-1,heads:pairs};let[layer,head]=pairs[0]??[-1,-1];return{layer,head,heads:[]}}var LONGEST=2e4,MOST_HEADS=4096,MOST_CORNERS=2e3,HEADS=["layer","head","heads"],NAMES=Object.keys(controls_data_default).filter(name=>controls_data_default[name].
address!==!1);function written(values,opening,facts=null){let terms=[],differs=name=>!same(values[name],opening[name]);for(let name of NAMES){if(name===HEADS[0]&&
HEADS.some(differs)&&terms.push(...headTerms(values)),HEADS.includes(name)||!differs(name))continue;let kind=KINDS[controls_data_default[name].kind];kind&&terms.
push(`${name}=${escaped(kind.write(values[name],facts))}`)}return terms.join("&")}function read(hash,facts,phrase=()=>"no phrases"){let values={},ignored=[],heads={},
text=hash.replace(/^#/,"");if(text.length>LONGEST)return{values,ignored:["an address of that length"]};for(let term of text.split("&").filter(Boolean)){let[name,
value]=halves(term);if(HEADS.includes(name)&&!(name in heads))heads[name]=value;else{let control=NAMES.includes(name)&&!(name in values)?controls_data_default[name]:
void 0,found=control&&KINDS[control.kind]?.read(value,facts,control,phrase);found===void 0?ignored.push(short(term)):values[name]=found}}if(Object.keys(heads).length>
0){let found=readHeads(heads,facts,values.choice);found?Object.assign(values,found):ignored.push(...Object.entries(heads).map(([name,value])=>short(`${name}=${value}`)))}
return{values,ignored}}var Address=class{constructor(model,facts,{rest=500,phrase}={}){if(this.model=model,this.opened=facts,this.phrase=phrase,this.rest=rest,this.
opening=this.#values(),this.problem="",this.said=()=>{},this.timer=void 0,this.stop=new AbortController,!(typeof window>"u")){this.open(),window.addEventListener(
"hashchange",()=>this.open(),{signal:this.stop.signal});for(let name of NAMES)model.on(`change:${name}`,()=>this.#later());model.on("change:playing",()=>this.#later())}}get facts(){
return this.model.get("_facts")??this.opened}open(){let{values,ignored}=read(window.location.hash,this.facts,this.phrase);clearTimeout(this.timer);for(let[name,
value]of Object.entries({...this.opening,...values}))same(this.model.get(name),value)||this.model.set(name,value);clearTimeout(this.timer),this.problem=ignored.
length?`Not understood in the address, and left out: ${ignored.slice(0,5).join(", ")}.`:"",this.said(this.problem)}get link(){let[page]=window.location.href.split(
"#"),text=written(this.#values(),this.opening,this.facts);return text?`${page}#${text}`:page}#values(){return Object.fromEntries(NAMES.map(name=>[name,this.model.
get(name)]))}#later(){clearTimeout(this.timer),!this.model.get("playing")&&(this.timer=setTimeout(()=>this.write(),this.rest))}write(){let{link}=this;if(!(this.
stop.signal.aborted||link===window.location.href))try{window.history.replaceState(window.history.state,"",link)}catch{}}destroy(){clearTimeout(this.timer),this.
stop.abort()}},KINDS={EntryNumber:{write:(value,facts)=>value<0?"none":(facts?.words?.[value]?.between??[value]).join("-"),read:(text,facts,control,phrase)=>{if(text===
"none")return control.default===-1?-1:void 0;let[,...ends]=/^(\d{1,6})-(\d{1,6})$/.exec(text)??[];if(ends.length>0){let[first,last]=ends.map(end=>facts.words[Number(
end)]);if(first?.kind!=="word"||last?.kind!=="word"||first.start>=last.start)return;let number2=phrase([first.start,last.end]);return typeof number2=="number"?number2:
void 0}let number=/^\d{1,6}$/.test(text)?Number(text):facts.words.findIndex(word=>word.kept&&word.text===text);return facts.words[number]?.kept?number:void 0}},
ChoiceName:{write:String,read:(text,facts)=>Object.hasOwn(facts.choices,text)?text:void 0},MeasureName:{write:String,read:(text,facts,control)=>[...control.options??
[],...facts.measures??[]].map(one=>Array.isArray(one)?one[0]:one.name).includes(text)?text:void 0},Steps:{write:([first,end])=>end-first===1?String(first):`${first}\
-${end-1}`,read:(text,facts)=>{let[,first,last=first]=/^(\d{1,6})(?:-(\d{1,6}))?$/.exec(text)??[];if(first===void 0)return;let[lo,hi]=[Number(first),Number(last)+
1],kept=facts.steps.some(({place})=>place>=lo&&place<hi);if(!(lo>=hi||hi>facts.num_steps||!(kept||facts.summed)))return[lo,hi]}},Share:{write:String,read:text=>/^(0|1|[01]?\.\d{1,20})$/.
test(text)&&Number(text)<=1?Number(text):void 0},Whole:{write:String,read:(text,_,{low=0,high=null})=>{if(!/^-?\d{1,9}$/.test(text))return;let number=Number(text);
return number>=low&&(high===null||number<=high)?number:void 0}},Flag:{write:value=>value?"on":"off",read:text=>({__proto__:null,on:!0,off:!1})[text]},OneOf:{write:String,
read:(text,_,{options=[]})=>options.some(([value])=>value===text)?text:void 0},Region:{write:corners=>corners.map(corner=>corner.map(at=>+at.toFixed(4)).join(",")).
join(";")||"none",read:text=>{if(text==="none")return[];let corners=text.split(";").map(corner=>corner.split(",").map(share));return corners.length>=3&&corners.
length<=MOST_CORNERS&&corners.every(one=>one.length===2&&!one.includes(-1))?corners:void 0}}};function share(text){return KINDS.Share.read(text,null,null,null)??
-1}function headTerms({layer,head,heads}){let chosen=counting({layer,head,heads});if(typeof chosen.head!="number"){let several=chosen.head.map(one=>Array.isArray(
one)?one.join("."):one);return[...chosen.layer>=0&&pairsIn(chosen.head).length===0?[`layer=${chosen.layer}`]:[],`heads=${several.join(",")}`]}return chosen.layer>=
0&&chosen.head>=0?[`head=${chosen.layer}.${chosen.head}`]:chosen.layer>=0?[`layer=${chosen.layer}`]:[chosen.head>=0?`head=${chosen.head}`:"head=all"]}function readHeads(texts,facts,choice){
let{layers}=facts,whole=text=>/^\d{1,6}$/.test(text)?Number(text):NaN,layer=texts.layer===void 0?-1:whole(texts.layer);if(texts.layer!==void 0&&!layers[layer])return null;
let numbers2=facts.choices[choice??""]??layers.map((_,i)=>i),most2=layer>=0?layers[layer].heads:Math.max(...numbers2.map(i=>layers[i].heads)),pair2=text=>{let[l,
h,more]=text.split(".").map(whole);return more===void 0&&h<layers[l]?.heads?[l,h]:null};if(texts.heads!==void 0){let listed2=texts.heads.split(",");if(texts.head!==
void 0||listed2.length<2||listed2.length>MOST_HEADS)return null;let named=listed2.every(text=>text.includes(".")),heads=listed2.map(text=>named?pair2(text):whole(
text)),fits=named?layer<0&&heads.every(Boolean):heads.every(head2=>head2<most2),sorted2=heads.every((one,i)=>i===0||before(heads[i-1],one));return fits&&sorted2?
{layer,head:-1,heads}:null}if(texts.head===void 0)return{layer,head:-1,heads:[]};if(texts.head==="all")return{layer,head:-1,heads:[]};if(texts.head.includes(".")){
let found=layer<0?pair2(texts.head):null;return found&&{layer:found[0],head:found[1],heads:[]}}let head=whole(texts.head);return head<most2?{layer,head,heads:[]}:
null}function before(one,other){return typeof one=="number"?one<other:one[0]<other[0]||one[0]===other[0]&&one[1]<other[1]}function halves(term){let at=term.indexOf(
"="),[name,value]=at<0?[term,""]:[term.slice(0,at),term.slice(at+1)];try{return[name,decodeURIComponent(value)]}catch{return[name,""]}}function escaped(text){return encodeURIComponent(
text).replace(/%2C/g,",").replace(/%3B/g,";")}function short(term){return`“${term.length>40?`${term.slice(0,39)}…`:term}”`}function same(a,b){return JSON.
stringify(a)===JSON.stringify(b)}function asBytes(value){return value instanceof Uint8Array?value:value instanceof ArrayBuffer?new Uint8Array(value):ArrayBuffer.isView(value)?new Uint8Array(value.
buffer,value.byteOffset,value.byteLength):new Uint8Array(0)}function asFloats(value){let bytes=asBytes(value),copy2=new Uint8Array(bytes.byteLength-bytes.byteLength%
4);return copy2.set(bytes.subarray(0,copy2.length)),new Float32Array(copy2.buffer)}function fromBase64(text){let binary=atob(text.trim()),bytes=new Uint8Array(binary.
length);for(let i=0;i<binary.length;i++)bytes[i]=binary.charCodeAt(i);return bytes}async function inflated(bytes){let stream=new Blob([bytes]).stream().pipeThrough(
new DecompressionStream("deflate"));return new Uint8Array(await new Response(stream).arrayBuffer())}function largest(values){let max=0;for(let i=0;i<values.length;i++)values[i]>max&&(max=values[i]);return max}function levelOf(max,threshold){return max>0?threshold*
max:1/0}function overlap(a,levelA,b,levelB,out){let both=0,inA=0,inB=0,n=Math.min(a.length,b.length);for(let i=0;i<n;i++){let isA=a[i]>=levelA?1:0,isB=b[i]>=levelB?
1:0;inA+=isA,inB+=isB,both+=isA&isB}out.both=both,out.a=inA,out.b=inB;let either=inA+inB-both;return out.iou=either>0?both/either:0,out.iod=inB>0?both/inB:0,out.
ioh=inA>0?both/inA:0,out}function overlapsOf(tiles,map,{threshold,region}){let level=levelOf(map.max,threshold),mask=region?Float64Array.from(cellsInside(region,
map.height,map.width)):Float64Array.from(map.values,value=>value>=level?1:0);return{values:tiles.tile.map(([height,width],layer)=>{let inside=areaMean(mask,map.
height,map.width,height,width);return tiles.scales[layer].map((_,head)=>{let from=tiles.offsets[layer]+head*height*width,part=0,whole=0;for(let i=0;i<inside.length;i++)
part+=tiles.data[from+i]*inside[i],whole+=tiles.data[from+i];return whole>0?part/whole:0})}),chance:mask.reduce((sum,one)=>sum+one,0)/mask.length}}function areaMean(values,height,width,down,across){
let made3=new Float64Array(down*across);for(let i=0;i<down;i++){let[top,bottom]=[Math.floor(i*height/down),Math.ceil((i+1)*height/down)];for(let j=0;j<across;j++){
let left=Math.floor(j*width/across),right=Math.ceil((j+1)*width/across),sum=0;for(let y=top;y<bottom;y++)for(let x=left;x<right;x++)sum+=values[y*width+x];made3[i*
across+j]=sum/((bottom-top)*(right-left))}}return made3}function cellsInside(polygon,height,width){let inside=new Uint8Array(height*width),any=!1;for(let i=0;i<
height;i++)for(let j=0;j<width;j++)isInside(polygon,(i+.5)/height,(j+.5)/width)&&(inside[i*width+j]=1,any=!0);if(!any&&polygon.length>0){let y=polygon.reduce((sum,p)=>sum+
p[0],0)/polygon.length,x=polygon.reduce((sum,p)=>sum+p[1],0)/polygon.length;inside[cellOf(y,height)*width+cellOf(x,width)]=1}return inside}function cellOf(share3,cells){
return Math.min(cells-1,Math.max(0,Math.floor(share3*cells)))}function isInside(polygon,y,x){let inside=!1;for(let i=0,j=polygon.length-1;i<polygon.length;j=i++){
let[yi,xi]=polygon[i],[yj,xj]=polygon[j];yi>y!=yj>y&&x<(xj-xi)*(y-yi)/(yj-yi)+xi&&(inside=!inside)}return inside}function composed(words,[start,end],prompt){let letters=[...prompt],text=letters.slice(start,end).join(""),inside=words.map((word,number)=>({word,number})).filter(
({word})=>word.kept&&(word.kind==="word"||word.kind==="sign")).filter(({word})=>word.start!==null&&word.start<end&&word.end>start).sort((p,q)=>p.word.start-q.word.
start),seen2=new Set(inside.flatMap(({word})=>range(word.start,word.end))),lacking=range(start,end).filter(i=>letters[i]?.trim()&&!seen2.has(i));if(lacking.length>
0)return`This page holds no map of “${lacking.map(i=>letters[i]).join("")}”, so that “${text}” cannot be put together. Open it with the phrase: explore(ru\
n, word=${JSON.stringify(text)}).to_html(...).`;let own=inside.filter(({word})=>word.kind==="word"),tokens=inside.flatMap(({word})=>word.tokens);return own.length===
0||new Set(tokens).size<tokens.length?`Words of “${text}” share a token, so that its map is not the mean of theirs. Open the page with the phrase: explore(run\
, word=${JSON.stringify(text)}).to_html(...).`:{word:{text,start,end,tokens:[...tokens].sort((p,q)=>p-q),pieces:inside.flatMap(({word})=>word.pieces),kind:"phra\
se",special:!1,kept:!0,between:[own[0].number,own[own.length-1].number]},of:inside.map(({word,number})=>[number,word.tokens.length/tokens.length])}}function range(from,to){
return Array.from({length:to-from},(_,i)=>from+i)}function meanPart(key,parts){let[[first]]=parts,shape=JSON.stringify(first.shape??first.tile);if(parts.some(([
part])=>JSON.stringify(part.shape??part.tile)!==shape))return null;if(first.name==="exact")return meanExact(key,parts);if(first.name==="stack"){let size=first.shape[1]*
first.shape[2],sets2=Array.from({length:first.shape[0]},(_,i)=>({from:i*size,size})),units2=parts.map(([part])=>part.scales),{bytes:bytes2,scales:scales2}=levels(
parts,sets2,units2);return{...first,key,bytes:bytes2,scales:scales2.flat()}}let sets=first.tile.flatMap(([height,width],l)=>first.scales[l].map((_,h)=>({from:first.
offsets[l]+h*height*width,size:height*width}))),units=parts.map(([part])=>part.scales.flat().map(s=>s/255)),{bytes,scales}=levels(parts,sets,units),flat=scales.
map(unit=>unit*255),heads=first.scales.map(row=>row.length),rows2=values=>{let at=0;return heads.map(count=>values.slice(at,at+=count))},none=rows2(flat.map(()=>null)),
means2=parts.every(([part])=>part.mean)?flat.map((_,i)=>parts.reduce((sum,[part,weight])=>sum+weight*(part.mean.flat()[i]??NaN),0)):[];return{...first,key,bytes,
scales:rows2(flat),mean:means2.length>0?rows2(means2.map(mean=>Number.isNaN(mean)?null:mean)):none,peak:none,entropy:none}}function meanExact(key,parts){let[[first]]=parts,
values=new Float32Array(first.shape[0]*first.shape[1]);for(let[part,weight]of parts){let own=asFloats(part.bytes);for(let i=0;i<values.length;i++)values[i]+=weight*
own[i]}return{...first,key,bytes:new Uint8Array(values.buffer),max:largest(values)}}function levels(parts,sets,units){let bytes=new Uint8Array(parts[0][0].bytes?.
length??0),scales=sets.map(({from,size},n)=>{let mean=new Float64Array(size);parts.forEach(([part,weight],p)=>{let own=part.bytes;for(let i=0;i<size;i++)mean[i]+=
weight*units[p][n]*own[from+i]});let unit=mean.reduce((most2,value)=>Math.max(most2,value),0)/255;if(unit>0)for(let i=0;i<size;i++)bytes[from+i]=Math.round(mean[i]/
unit);return unit});return{bytes,scales}}var VERSION=1,START=5;function unpack(bytes){return bytes.length<START||bytes[0]!==0?null:listed(bytes,JSON.parse(new TextDecoder().decode(headerOf(bytes))))}async function unpackSmall(bytes){
if(bytes[0]===0)return unpack(bytes);let text=new TextDecoder().decode(await inflated(headerOf(bytes)));return listed(bytes,JSON.parse(text))}function headerOf(bytes){
return bytes.subarray(START,bodyOf(bytes))}function bodyOf(bytes){return START+new DataView(bytes.buffer,bytes.byteOffset).getUint32(1,!0)}function listed(bytes,header){
if(header.v!==VERSION)return null;let body=bodyOf(bytes),parts=header.parts.map(({at,bytes:count,...part})=>({...part,bytes:bytes.slice(body+at,body+at+count)}));
return{header,parts}}function restore(bytes,{filter="",blocks=[]}){let at=0;for(let[t,y,x]of blocks){let block2=bytes.subarray(at,at+t*y*x),strides={t:y*x,y:x,x:1},lengths={t,y,x};for(let axis2 of[
...filter].reverse())accumulate(block2,strides[axis2],lengths[axis2]);at+=t*y*x}}function accumulate(block2,stride,length){let whole=stride*length;for(let i=0;i<
block2.length;i++)i%whole>=stride&&(block2[i]+=block2[i-stride])}var PERCENTILES=[.05,.95],SHIFTS=16;function rankable(words,special){let inWords=new Set(words.filter(({kept,kind})=>kept&&kind==="word").flatMap(({tokens})=>tokens)),
twice2=({kind,tokens})=>kind==="piece"||kind==="phrase"&&tokens.every(token=>inWords.has(token));return words.flatMap((word,i)=>word.kept&&(special||!word.special)&&
!twice2(word)?[i]:[])}function sharesOf(values){let total=0;for(let value of values.values())total+=value;return new Map([...values].map(([word,value])=>[word,total>
0?value/total:0]))}function liftOf(share3,whole){return whole>0?share3/whole:0}function backgroundOf(maps){let whole=sharesOf(means(maps)),cells=[...maps.values()][0]?.
length??0,at=Array.from({length:cells},(_,i)=>[i]),chance=chanceAt(maps,at,whole);return[...whole].map(([word,share3])=>({word,share:share3,chance:chance.get(word)??
[]}))}function rowsIn(maps,inside,width){let cells=cellsOf(inside),values=means(maps,cells),whole=sharesOf(means(maps)),elsewhere=shifts(inside,width).map(by=>cells.
map(cell=>cell+by)),chance=elsewhere.length>0?chanceAt(maps,elsewhere,whole):null;return[...sharesOf(values)].map(([word,share3])=>({word,value:values.get(word)??
0,share:share3,lift:liftOf(share3,whole.get(word)??0),chance:chance?.get(word)??null}))}function lifted(rows2,background){let of=new Map(background.map(one=>[one.
word,one]));return rows2.map(row=>{let{share:share3=0,chance=null}=of.get(row.word)??{};return{...row,lift:liftOf(row.share,share3),chance}})}function inOrder(rows2,by){
let byLift=by==="lift"&&rows2.every(({lift})=>lift!==void 0),size=row=>byLift?row.lift??0:row.value;return[...rows2].sort((p,q)=>size(q)-size(p))}function shifts(inside,width){
let cells=cellsOf(inside),height=inside.length/width,rows2=cells.map(cell=>Math.floor(cell/width)),columns2=cells.map(cell=>cell%width),down=spread(least(rows2),
height-1-most(rows2)),right=spread(least(columns2),width-1-most(columns2));return down.flatMap(dy=>right.map(dx=>dy*width+dx)).filter(by=>by!==0)}function spread(before2,behind){
let count=before2+behind+1,kept=Math.min(count,SHIFTS),at=i=>Math.floor(i*(count-1)/Math.max(1,kept-1));return Array.from({length:kept},(_,i)=>at(i)-before2)}var least=values=>values.
reduce((p,q)=>Math.min(p,q),1/0),most=values=>values.reduce((p,q)=>Math.max(p,q),-1/0);function cellsOf(inside){let cells=[];for(let i=0;i<inside.length;i++)inside[i]&&
cells.push(i);return cells}function means(maps,cells){return new Map([...maps].map(([word,values])=>{let sum=0,count=cells?.length??values.length;for(let i=0;i<
count;i++)sum+=values[cells?cells[i]:i];return[word,sum/Math.max(1,count)]}))}function chanceAt(maps,places,whole){let words=[...maps],lifts=words.map(()=>new Float64Array(
places.length));return places.forEach((cells,place)=>{let total=0;words.forEach(([,values],w)=>{let sum=0;for(let i=0;i<cells.length;i++)sum+=values[cells[i]];total+=
sum,lifts[w][place]=sum});for(let of of lifts)of[place]=total>0?of[place]/total:0}),new Map(words.map(([word],w)=>{let own=lifts[w].map(share3=>liftOf(share3,whole.
get(word)??0)).sort();return[word,PERCENTILES.map(part=>percentile(own,part))]}))}function percentile(sorted2,part){let at=part*(sorted2.length-1),low=Math.floor(
at),high=Math.min(low+1,sorted2.length-1);return sorted2[low]+(at-low)*(sorted2[high]-sorted2[low])}var Cache=class{constructor(budget){this.budget=budget,this.used=0,this.kept=new Map}get(key){return this.kept.get(key)?.value}touch(key){let found=this.kept.get(
key);found&&(this.kept.delete(key),this.kept.set(key,found))}put(key,value,size){let old=this.kept.get(key);old&&(this.used-=old.size,this.kept.delete(key)),this.
kept.set(key,{value,size}),this.used+=size;for(let[name,entry]of this.kept){if(this.used<=this.budget||name===key)break;this.kept.delete(name),this.used-=entry.
size}}};function prefixSums(counts,scales,shape){let[steps,height,width]=shape,size=height*width;if(counts.length!==steps*size||scales.length!==steps)throw new RangeError(
`a stack of ${counts.length} bytes and ${scales.length} scales is not of shape ${shape}`);let sums=new Float64Array((steps+1)*size);for(let t=0;t<steps;t++){let scale=scales[t],
from=t*size;for(let i=0;i<size;i++)sums[from+size+i]=sums[from+i]+counts[from+i]*scale}return{steps,height,width,sums,counts,scales:Float64Array.from(scales)}}function meanOver(stack,lo,hi,out){
let size=stack.height*stack.width,first=lo*size,last=hi*size,share3=1/(hi-lo),sums=stack.sums,max=0;for(let i=0;i<size;i++){let value=Math.max(0,(sums[last+i]-sums[first+
i])*share3);out[i]=value,value>max&&(max=value)}return max}var STACK_BYTES=48<<20,EXACT_BYTES=4<<20,TILE_BYTES=24<<20,OVERLAPS=64,Memory=class{constructor(){this.stacks=new Cache(STACK_BYTES),this.exacts=new Cache(EXACT_BYTES),
this.reduced=new Cache(EXACT_BYTES),this.tileSets=new Cache(TILE_BYTES),this.stepTiles=new Cache(TILE_BYTES),this.overlaps=new Cache(OVERLAPS),this.measures=new Cache(
OVERLAPS),this.orders=new Cache(OVERLAPS),this.layerTiles=new Cache(TILE_BYTES)}take(part){let bytes=part.bytes??new Uint8Array(0),count=part.shape?.reduce((product,side)=>product*
side,1)??-1;if(part.name==="stack"&&bytes.length===count){if(this.stacks.get(part.key))return!1;let stack=prefixSums(bytes,part.scales,part.shape);return this.stacks.
put(part.key,stack,stack.sums.byteLength+bytes.length),!0}if(part.name==="exact"&&bytes.length===4*count){let[height,width]=part.shape,values=asFloats(bytes);return this.
exacts.put(part.key,{values,height,width,max:part.max},bytes.length),!0}if(part.name==="reduced")return this.reduced.put(part.key,{...part.map,over:part.over},4*
part.map.values.length),!0;if(part.name==="tiles"&&bytes.length>0){let[word,lo,hi]=JSON.parse(part.key),{key,tile,offsets,scales,mean,entropy,peak}=part,tiles={
key,word,lo,hi,data:bytes,tile,offsets,scales,mean,entropy,peak};return this.tileSets.put(key,tiles,bytes.length),!0}if(part.name==="step_tiles"&&bytes.length>0){
let[word]=JSON.parse(part.key),{key,tile,offsets,scales,mean,entropy,peak,layers}=part,tiles={...{key,word,lo:0,hi:scales[0].length,layers},data:bytes,tile,offsets,
scales,mean,entropy,peak};return this.stepTiles.put(key,tiles,bytes.length),!0}if(part.name==="overlap"){let of=part.polygon?JSON.stringify(part.polygon):part.threshold,
{values,chance}=part;return this.overlaps.put(overlapKey(part.key,of),{values,chance},1),!0}if(part.name==="measure")return this.measures.put(part.key,{values:part.
values},1),!0;if(part.name==="likeness")return this.orders.put(part.key,part.order,1),!0;if(part.name==="layer_tiles"&&bytes.length>0){let{key,layer,tile,scales}=part,
before2=this.layerTiles.get(`${key} ${layer}`);return before2&&before2.tile[0]>=tile[0]?!1:(this.layerTiles.put(`${key} ${layer}`,{data:bytes,tile,scales},bytes.
length),!0)}return!1}};function overlapKey(key,of){return`${key} ${of}`}var times={rest:40,linger:150,stale:600,patience:[5e3,15e3,45e3],keep:3e3,drawing:250};var State=class{constructor(model,told={}){this.model=model,this.told=told,this.listening=[],this.timer=void 0}get facts(){return this.model.get("_facts")??{}}get(name){
return this.model.get(name)??controls_data_default[name]?.default}get steps(){return placesOf(this.facts,this.get("steps"))}get count(){return Math.max(1,this.facts.
steps?.length??1)}get moving(){return this.timer!==void 0}get chosen(){let[layer,head,heads]=["layer","head","heads"].map(name=>this.get(name));return counting(
{layer,head,heads})}get layers(){let{choices,layers}=this.facts;return choices?.[this.get("choice")]??(layers??[]).map((_,i)=>i)}get sel(){return{word:this.get(
"word"),word_b:this.get("word_b"),choice:this.get("choice"),...this.chosen,steps:[...this.get("steps")],threshold:this.get("threshold"),special:!!this.get("show\
_pieces")}}stepsAt(lo,hi){let kept=this.facts.steps??[];return{steps:[kept[lo]?.place??lo,(kept[hi-1]?.place??hi-1)+1]}}set(values,when="now"){let changed=!1;for(let[
name,value]of Object.entries(values))same2(this.get(name),value)||(this.model.set(name,value),changed=!0);changed&&this.told.chosen?.(),when==="now"?(changed||this.
timer!==void 0)&&this.save():changed&&(clearTimeout(this.timer),this.timer=setTimeout(()=>this.save(),times.rest))}save(){clearTimeout(this.timer),this.timer=void 0,
this.model.save_changes()?.catch?.(()=>{}),this.told.rested?.()}on(event,callback){this.model.on(event,callback),this.listening.push([event,callback])}destroy(){
this.timer!==void 0&&this.save();for(let[event,callback]of this.listening)this.model.off(event,callback);this.listening=[]}};function placesOf(facts,[first,end]){
let kept=facts.steps??[],count=Math.max(1,kept.length);if(facts.summed)return[0,1];let from=kept.findIndex(({place})=>place>=first),lo=from<0?count-1:from,after=kept.
findIndex(({place})=>place>=end);return[lo,Math.max(lo+1,after<0?count:after)]}function same2(a,b){return Object.is(a,b)?!0:typeof a=="object"&&typeof b=="objec\
t"&&JSON.stringify(a)===JSON.stringify(b)}function themeOf(root,wish){if(wish==="light"||wish==="dark")return wish;let body=document.body,jupyter=body.dataset.jpThemeLight;if(jupyter!==void 0)return jupyter===
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
return()=>{clearTimeout(later),scheme.removeEventListener("change",changed),watcher.disconnect()}}function watchDots(changed){let query,heard=()=>{watch(),changed()},
watch=()=>{query?.removeEventListener("change",heard),query=matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`),query.addEventListener("change",heard)};return watch(),
()=>query?.removeEventListener("change",heard)}function lessMotion(){return matchMedia("(prefers-reduced-motion: reduce)").matches}var FASTEST=40,CALM=700,Player=class{constructor(model){this.state=new State(model),this.views=0,this.timer=void 0;for(let name of["steps","playing","interval",
"_facts"])this.state.on(`change:${name}`,()=>this.#wait())}watch(){return this.views++,this.#wait(),()=>{this.views--,this.#wait()}}#wait(){clearTimeout(this.timer);
let{state}=this;if(this.views===0||!state.get("playing")||state.count<2)return;let pause=Math.max(lessMotion()?CALM:FASTEST,state.get("interval"));this.timer=setTimeout(
()=>this.#step(),pause)}#step(){let{state}=this,[lo,hi]=state.steps,next=hi>=state.count?0:lo+1;state.set(state.stepsAt(next,Math.min(state.count,next+hi-lo)))}destroy(){
clearTimeout(this.timer),this.state.destroy()}};function cubic(t){let x=Math.abs(t);return x<=1?((-.75+2)*x-(-.75+3))*x*x+1:x<2?((-.75*x-5*-.75)*x+8*-.75)*x-4*-.75:0}function axis(from,to){let index=new Int32Array(
to*4),weight=new Float32Array(to*4);for(let i=0;i<to;i++){let center=(i+.5)*from/to-.5,base=Math.floor(center);for(let k=0;k<4;k++){let place=base-1+k;index[i*4+
k]=Math.min(from-1,Math.max(0,place)),weight[i*4+k]=cubic(center-place)}}return{index,weight}}var Raiser=class{constructor(height,width,toHeight,toWidth){this.from=
[height,width],this.height=toHeight,this.width=toWidth,this.rows=axis(height,this.height),this.columns=axis(width,this.width),this.wide=new Float32Array(height*
this.width),this.values=new Float32Array(this.height*this.width),this.same=height===toHeight&&width===toWidth}raise(map){if(this.same)return map;let[h,w]=this.from,
{wide,values,width,height}=this,{index,weight}=this.columns;for(let i=0;i<h;i++){let row=i*w;for(let j=0;j<width;j++){let k=j*4;wide[i*width+j]=map[row+index[k]]*
weight[k]+map[row+index[k+1]]*weight[k+1]+map[row+index[k+2]]*weight[k+2]+map[row+index[k+3]]*weight[k+3]}}let down=this.rows;for(let i=0;i<height;i++){let k=i*
4,w0=down.weight[k],w1=down.weight[k+1],w2=down.weight[k+2],w3=down.weight[k+3],r0=down.index[k]*width,r1=down.index[k+1]*width,r2=down.index[k+2]*width,r3=down.
index[k+3]*width;for(let j=0;j<width;j++){let value=wide[r0+j]*w0+wide[r1+j]*w1+wide[r2+j]*w2+wide[r3+j]*w3;values[i*width+j]=value>0?value:0}}return values}},Enlarger=class extends Raiser{constructor(height,width,drawn2=128){
let factor=Math.max(1,Math.ceil(drawn2/Math.max(height,width)));super(height,width,height*factor,width*factor)}enlarge(map){return this.raise(map)}},made=new Map;
function enlarger(height,width,use){let key=`${height},${width},${use}`,found=made.get(key);return found||(found=new Enlarger(height,width),made.set(key,found)),
found}function reducedMap(tiles,facts,layers,{layer,head}){let[height,width]=facts.grid,bytes=tiles.bytes,values=new Float32Array(height*width),count=0;for(let[l,h]of headsOf2(
facts,layers,layer,head)){let[high,wide]=tiles.tile[l],size=high*wide,from=tiles.offsets[l]+h*size,unit=tiles.scales[l][h]/255,small=Float32Array.from(bytes.subarray(
from,from+size),level=>level*unit),whole=raiser(high,wide,height,width).raise(small);for(let i=0;i<values.length;i++)values[i]+=whole[i];count++}if(count===0)return null;
let max=0;for(let i=0;i<values.length;i++)values[i]/=count,values[i]>max&&(max=values[i]);return{values,height,width,max}}function headsOf2(facts,layers,layer,head){
let pairs=pairsIn(head);if(pairs.length>0)return pairs;let numbers2=numbersIn(head);return(layer<0?layers:[layer]).flatMap(l=>Array.from({length:facts.layers[l].
heads},(_,h)=>h).filter(h=>numbers2.length===0||numbers2.includes(h)).map(h=>[l,h]))}var made2=new Map;function raiser(...sizes){let key=String(sizes),known=made2.
get(key);return known||made2.set(key,known=new Raiser(...sizes)),known}var SILENT="The kernel has not answered yet: it is busy, or gone (then run the cell again). What is shown is what is here already.",GONE="There is no kernel beh\
ind this page: run the cell again.",NoKernel=class extends Error{},Moot=class extends Error{},Source=class{constructor(){this.memory=new Memory,this.address=null,
this.listeners=new Map}on(event,callback){let known=this.listeners.get(event)??new Set;return this.listeners.set(event,known.add(callback)),()=>known.delete(callback)}emit(event){
for(let callback of[...this.listeners.get(event)??[]])callback()}},KernelSource=class extends Source{constructor(model){super(),this.model=model,this.capabilities=
{any:!0,mask:!0},this.run=void 0,this.images={},this.open=new Map,this.next=1,this.name=Math.random().toString(36).slice(2,8),this.refused="",this.gone=!1,this.
kept="",this.player=new Player(model);let read2=()=>this.#read();this.listening=[["change:_facts",read2],["change:_first",read2],["change:_images",read2],["msg:\
custom",(content,buffers)=>this.#heard(content,buffers??[])]];for(let[event,callback]of this.listening)model.on(event,callback);this.#read()}get facts(){return this.
model.get("_facts")??{}}get trouble(){if(this.refused)return this.refused;if(this.gone)return GONE;let now=performance.now();return[...this.open.values()].some(
({since})=>now-since>=times.patience[0])?SILENT:""}#read(){let{run}=this.facts;if(run!==this.run){this.run=run,this.memory=new Memory,this.images={},this.kept="";
for(let id of[...this.open.keys()])this.#close(id)?.forEach(stale);this.emit("facts")}let first=unpack(asBytes(this.model.get("_first")));if(first&&first.header.
run===run){for(let part of first.parts)this.memory.take(part);this.kept=first.parts.find(part=>part.name==="exact")?.key??""}let images=unpack(asBytes(this.model.
get("_images")));images&&images.header.run===run&&(this.images=Object.fromEntries(images.parts.map(part=>[part.name,part]))),this.emit("parts")}#heard(content,buffers){
if(content?.v!==VERSION||(content.type==="refused"&&(this.refused=`Not possible: ${content.error} What is shown stands.`,this.emit("trouble")),content.type!=="a\
nswer"))return;let before2=this.trouble;this.gone=!1;let asked=this.open.get(content.id)?.message,own=content.run===this.run,parts=(content.parts??[]).map(({buffer,
...part})=>({...part,bytes:buffer===void 0?void 0:asBytes(buffers[buffer]).slice()})),kept=own&&parts.filter(part=>this.memory.take(part)).length>0;if(asked&&own&&
same3(asked.sel,content.sel)){let waiters=this.#close(content.id)??[];for(let{resolve,reject}of waiters)content.error?reject(new Error(String(content.error))):resolve(
parts)}kept&&this.emit("parts"),this.trouble!==before2&&this.emit("trouble")}ask(question,{signal}={}){let text=JSON.stringify(question);return new Promise((resolve,reject)=>{
let waiter={resolve,reject},[known]=[...this.open].find(([,one])=>one.text===text)??[],id=known??this.#begin(text,question);if(id===null){reject(new NoKernel(GONE));
return}this.open.get(id)?.waiters.add(waiter),signal?.addEventListener("abort",()=>{let waiters=this.open.get(id)?.waiters;waiters?.delete(waiter)&&waiters.size===
0&&this.#close(id),reject(new Moot("no longer wanted")),this.emit("trouble")})})}#begin(text,question){let id=`${this.name}-${this.next++}`,message={v:VERSION,type:"\
ask",id,run:this.run,...question};if(!this.#send(message))return null;let open={text,message,since:performance.now(),tries:0,waiters:new Set,timer:void 0};return this.
open.set(id,open),this.#wait(open),id}#wait(open){let wait=times.patience[open.tries++];wait!==void 0&&(open.timer=setTimeout(()=>{this.emit("trouble"),this.#send(
open.message),this.#wait(open)},wait))}#send(message){try{return this.model.send(message)?.catch?.(()=>this.#lost()),!0}catch{return this.#lost(),!1}}#lost(){this.
gone=!0,this.emit("trouble")}#close(id){let open=this.open.get(id);return clearTimeout(open?.timer),this.open.delete(id),open?.waiters}chosen(){this.refused&&(this.
refused="",this.emit("trouble"))}keep(key){key===this.kept||this.gone||(this.kept=key,this.#send({v:VERSION,type:"keep",run:this.run}))}destroy(){this.player.destroy();
for(let id of[...this.open.keys()])this.#close(id);for(let[event,callback]of this.listening)this.model.off(event,callback);this.listeners.clear()}};function stale({
reject}){reject(new Moot("another recording is shown"))}function same3(a,b){return JSON.stringify(sorted(a))===JSON.stringify(sorted(b))}function sorted(sel){return sel&&
typeof sel=="object"?Object.entries(sel).sort(([p],[q])=>p<q?-1:1):sel}async function opened(state){let{header,parts}=await unpackSmall(fromBase64(state))??{};if(!header||!parts)throw new Error("it was written by another version");
let source=new HandoutSource(header,parts);return await source.begin(),source}var Shim=class{constructor(values){this.values={...values},this.listeners=new Map}get(name){
return this.values[name]}set(name,value){if(!Object.is(this.values[name],value)){this.values[name]=value;for(let callback of[...this.listeners.get(`change:${name}`)??
[]])callback()}}on(event,callback){let known=this.listeners.get(event)??new Set;this.listeners.set(event,known.add(callback))}off(event,callback){event?callback?
this.listeners.get(event)?.delete(callback):this.listeners.delete(event):this.listeners.clear()}save_changes(){}send(){}},HandoutSource=class extends Source{constructor(header,parts){
super(),this.facts=header.facts,this.run=header.facts.run,this.model=new Shim({...header.traits,_facts:header.facts}),this.capabilities={any:!1,mask:!1},this.memory=
new Memory,this.player=new Player(this.model),this.trouble="",this.parts=new Map(parts.map(part=>[`${part.name} ${part.key}`,part])),this.made=new Map,this.address=
new Address(this.model,this.facts,{phrase:span=>this.#phrase(span)}),this.images={},this.ranking=null}async begin(){for(let name of["image","strip"]){let part=await this.#part(
name,"");part&&(this.images[name]=part)}}chosen(){}keep(){}destroy(){this.address.destroy()}async ask({want,sel,at}){let[lo,hi]=placesOf(this.facts,sel.steps),{
choice,layer,head,word}=sel,parts=[];for(let name of want){let key=[name.endsWith("_b")?sel.word_b:word,choice,layer,head];name.startsWith("stack")?parts.push(await this.#chosen(
"stack",key)??await this.#reduced(key)):name.startsWith("exact")?parts.push(await this.#chosen("exact",[...key,lo,hi])):name==="step_tiles"?parts.push(await this.#part(
name,JSON.stringify([word,inEveryLayer(sel)]))):name==="measure"?parts.push(await this.#measure(word,lo,hi,at)):name==="likeness"?parts.push(await this.#part(name,
JSON.stringify([word,lo,hi]))):name==="tiles"?parts.push(await this.#tiles(word,lo,hi)):name==="words"?parts.push(await this.#words(sel,at)):name==="background"?
parts.push(await this.#background(sel)):name==="region"?parts.push(await this.#region(sel,at)):name==="entry"&&parts.push(this.#entry(at))}let own=parts.filter(
part=>part!==null);for(let part of own)this.memory.take(part);return own}async#part(name,key){let part=this.parts.get(`${name} ${key}`)??await this.#composed(name,
key);return part?(part.deflated&&(part.bytes=await inflated(part.bytes),restore(part.bytes,part),part.deflated=!1),part):null}#entry(at){let{span}=at,word=this.#phrase(
span);if(typeof word=="string")throw new Error(word);return{name:"entry",key:"",word}}#phrase(span){let{words,prompt,of_tokens}=this.facts,known=words.findIndex(
({kind,start,end})=>kind==="phrase"&&start===span[0]&&end===span[1]);if(known>=0)return known;if(!of_tokens)return"Of this kind of map, a phrase is not the mean\
 of its words.";let phrase=composed(words,span,prompt);return typeof phrase=="string"?phrase:(this.facts={...this.facts,words:[...words,phrase.word]},this.made.
set(words.length,phrase.of),this.model.set("_facts",this.facts),words.length)}async#composed(name,key){if(!["stack","exact","tiles","step_tiles"].includes(name))
return null;let[word,...rest]=JSON.parse(key),of=this.made.get(word);if(!of)return null;let parts=[];for(let[part,weight]of of){let own=await this.#part(name,JSON.
stringify([part,...rest]));if(!own)return null;parts.push([own,weight])}let mean=meanPart(key,parts);return mean&&this.parts.set(`${name} ${key}`,mean),mean}async#reduced([
word,choice,layer,head]){let{facts}=this;if(!facts.from_tiles||layer<0&&head===-1)return null;let range2=[0,facts.summed?1:facts.steps.length],tiles=await this.#part(
"tiles",JSON.stringify([word,...range2])),layers=facts.choices[choice]??[],map=tiles&&reducedMap(tiles,facts,layers,{layer,head});return map&&{name:"reduced",key:JSON.
stringify([word,choice,layer,head]),map,over:range2}}async#chosen(name,key){let asked=JSON.stringify(key),part=await this.#part(name,asked);if(part)return part;
let[word,,layer,head,...rest]=key;if(layer<0&&pairsIn(head).length===0)return null;let once=await this.#part(name,JSON.stringify([word,"",layer,head,...rest]));
return once&&{...once,key:asked}}async#measure(word,lo,hi,at){let{measure}=at;return await this.#part("measure",`${measure} ${JSON.stringify([word,lo,hi])}`)??await this.#part(
"measure",measure)}async#tiles(word,lo,hi){let present=await this.#part("tiles",JSON.stringify([word,lo,hi]));if(present)return present;let keys=[...this.parts.
values()].filter(({name})=>name==="tiles").map(p=>p.key),first=this.made.get(word)?.[0][0]??word,others=keys.map(key=>JSON.parse(key)).filter(([of])=>of===first);
for(let[,...range2]of others){let other=await this.#part("tiles",JSON.stringify([word,...range2]));if(other)return other}return null}async#stack(word,choice,layer,head){
let key=JSON.stringify([word,choice,layer,head]),part=await this.#chosen("stack",JSON.parse(key));if(!part)return null;let{scales,shape}=part;return{key,counts:part.
bytes,scales,shape}}async#maps({choice,layer,head,steps,special}){let[lo,hi]=placesOf(this.facts,steps),key=JSON.stringify([choice,layer,head,lo,hi,special]);if(this.
ranking?.key===key)return this.ranking;let words=rankable(this.facts.words,special),own=await this.#embedded(words,choice,layer,head),stacks=own.size>0?own:await this.#embedded(
words,choice,-1,-1),note=own.size>0?"":"All heads: this selection is not embedded in this page.",among=stacks.size<words.length?`Among the ${stacks.size} embedd\
ed words. `:"",maps=new Map([...stacks].map(([word,stack])=>[word,meanMap(stack,lo,hi)])),[,height,width]=[...stacks.values()][0]?.shape??[0,1,1];return this.ranking=
{key,maps,stacks,height,width,note:among+note,background:null},this.ranking}async#words(sel,at){let{y,x}=at,{maps,height,width,note}=await this.#maps(sel),cell=cellOf(
y,height)*width+cellOf(x,width),values=new Map([...maps].map(([word,map])=>[word,map[cell]]));return{name:"words",key:"",rows:[...sharesOf(values)].map(([word,share3])=>({
word,value:values.get(word)??0,share:share3})),note}}async#background(sel){let ranking=await this.#maps(sel);return ranking.background??=backgroundOf(ranking.maps),
{name:"background",key:"",rows:ranking.background}}async#region(sel,at){let{polygon}=at,steps=placesOf(this.facts,sel.steps),{maps,stacks,height,width,note}=await this.#maps(
sel),inside=([,high,wide])=>cellsInside(polygon,high,wide),shown=stacks.get(sel.word)??await this.#stack(sel.word,sel.choice,sel.layer,sel.head);return{name:"re\
gion",key:"",rows:rowsIn(maps,cellsInside(polygon,height,width),width),bars_of:sel.word,by_step:shown&&stepMeans(shown,inside(shown.shape)),by_layer:await this.#byLayer(
sel,steps,inside),note}}async#byLayer({choice,layer,head,word},steps,inside){let{facts}=this,values=[];for(let i=0;i<facts.layers.length;i++){let stack=(layer>=
0?i===layer:(facts.choices[choice]??[]).includes(i))?await this.#stack(word,"",i,head):null,means2=stack&&stepMeans(stack,inside(stack.shape)).slice(...steps);values.
push(means2&&means2.reduce((sum,mean)=>sum+mean,0)/means2.length)}return values.some(value=>value!==null)?values:void 0}async#embedded(words,choice,layer,head){
let stacks=new Map;for(let word of words){let stack=await this.#stack(word,choice,layer,head);stack&&stacks.set(word,stack)}return stacks}};function stepMeans({
counts,scales},inside){let cells=Math.max(1,inside.reduce((sum,one)=>sum+one,0));return scales.map((unit,t)=>{let sum=0;for(let i=0;i<inside.length;i++)inside[i]&&
(sum+=counts[t*inside.length+i]);return sum*unit/cells})}function meanMap({counts,scales,shape},lo,hi){let size=shape[1]*shape[2],mean=new Float64Array(size);for(let t=lo;t<
hi;t++){let unit=scales[t]/(hi-lo);for(let i=0;i<size;i++)mean[i]+=counts[t*size+i]*unit}return mean}function differenceOf(a,b,scale){let shapes=[a,b].map(({tile,scales:scales2})=>JSON.stringify([tile,scales2.map(row=>row.length)]));if(shapes[0]!==shapes[1])return null;
let data=new Uint8Array(a.data.length);a.tile.forEach(([height,width],layer)=>{let size=height*width;a.scales[layer].forEach((peakA,head)=>{let peakB=b.scales[layer][head],
most2=Math.max(peakA,peakB)||1,[ofA,ofB]=scale==="own"?[.5,.5]:[peakA/most2/2,peakB/most2/2],fromA=a.offsets[layer]+head*size,fromB=b.offsets[layer]+head*size;for(let i=0;i<
size;i++)data[fromA+i]=127.5+a.data[fromA+i]*ofA-b.data[fromB+i]*ofB+.5})});let scales=a.scales.map(row=>row.map(()=>1));return{...a,key:`difference ${a.key} ${b.
key} ${scale}`,data,scales,signed:!0}}function valuesBetween(a,b){let[own,others]=[a.values(),b.values()];return!own||!others?null:own.map((row,layer)=>row.map(
(value,head)=>{let other=others[layer]?.[head]??null;return value===null||other===null?null:value-other}))}var SVG="http://www.w3.org/2000/svg";function el(tag,props={},...children){let node=document.createElement(tag);return fill(node,props,children),node}function svg(tag,props={},...children){
let node=document.createElementNS(SVG,tag);return fill(node,props,children),node}function fill(node,props,children){for(let[name,value]of Object.entries(props))
if(name==="text")node.textContent=value;else if(name==="on")for(let[event,listener]of Object.entries(value))node.addEventListener(event,listener);else attribute(
node,name,value);for(let child of children)child&&node.append(child)}function attribute(node,name,value){if(value===!1||value===null||value===void 0){node.hasAttribute(
name)&&node.removeAttribute(name);return}let text=value===!0&&!name.startsWith("aria-")?"":String(value);node.getAttribute(name)!==text&&node.setAttribute(name,
text)}function write(node,text){node.textContent!==text&&(node.textContent=text)}function writeMixed(node,parts){node.textContent!==parts.join("")&&node.replaceChildren(
...parts.map((text,i)=>i%2?el("bdi",{text}):text))}var PATHS={target:"M11 3h2v3.100a6 6 0 0 1 4.900 4.900H21v2h-3.100a6 6 0 0 1-4.900 4.900V21h-2v-3.100A6 6 0 0\
 1 6.100 13H3v-2h3.100A6 6 0 0 1 11 6.100Zm1 5a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0 2.500a1.500 1.500 0 1 1 0 3 1.500 1.500 0 0 1 0-3Z",star:"M12 3.5 14.6 9l6 .8-4.4 \
4.2 1.1 6L12 17.1 6.7 20l1.1-6L3.4 9.8l6-.8Z",play:"M7 5.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8a.8.8 0 0 0-1.2.7Z",pause:"M7 5h3.5v14H7zM13.5 5\
H17v14h-3.5z",download:"M11 4h2v8.2l3-3 1.4 1.4-5.4 5.4-5.4-5.4L8 9.2l3 3zM5 18h14v2H5z",box:"M4 4h4v2H6v2H4zm12 0h4v4h-2V6h-2zM4 16h2v2h2v2H4zm14 0h2v4h-4v-2h2\
zM10 4h4v2h-4zm0 14h4v2h-4zM4 10h2v4H4zm14 0h2v4h-2z",lasso:"M12 4c5 0 9 2.600 9 6s-4 6-9 6c-.9 0-1.700-.1-2.500-.2.3.8.2 1.800-.5 2.600-.8.9-2 1.300-3.300 1.30\
0v-1.900c.8 0 1.500-.2 1.800-.6.3-.3.2-.7-.1-1.200-.2-.3-.3-.6-.4-.9C4.600 14.100 3 12.200 3 10c0-3.400 4-6 9-6Zm0 2c-4 0-7 1.900-7 4s3 4 7 4 7-1.900 7-4-3-4-7-\
4Z",eye:"M12 5c5 0 9 4.500 10 7-1 2.500-5 7-10 7S3 14.500 2 12c1-2.500 5-7 10-7Zm0 2c-3.600 0-6.600 2.900-7.800 5 1.200 2.100 4.200 5 7.800 5s6.600-2.900 7.800-\
5C18.600 9.900 15.600 7 12 7Zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",cells:"M4 4h16v16H4zm2 2v3.300h3.300V6zm5.300 0v3.300h3.400V6zm5.400 0v3.300H18V6zM6 11.300v3.40\
0h3.300v-3.400zm5.300 0v3.400h3.400v-3.400zm5.400 0v3.400H18v-3.400zM6 16.700V18h3.300v-1.300zm5.300 0V18h3.400v-1.300zm5.400 0V18H18v-1.300z",close:"M6.400 5 1\
2 10.600 17.600 5 19 6.400 13.400 12l5.600 5.600-1.400 1.400-5.600-5.600L6.400 19 5 17.600 10.600 12 5 6.400z",swap:"M7 4 3 8l4 4V9h10V7H7zm10 8v3H7v2h10v3l4-4z",
sun:"M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8Zm-1-5h2v3h-2zm0 15h2v3h-2zM3 11h3v2H3zm15 0h3v2h-3zM5.600 4.200l2.100 2.100-1.400 1.400-2.100-2.100zm10.700 10.700 2.100 \
2.100-1.400 1.400-2.100-2.100zM18.400 5.600l-2.100 2.100-1.400-1.400L17 4.200zM7.700 16.300l-2.100 2.100-1.400-1.400 2.100-2.100z"};function icon(name){return svg(
"svg",{viewBox:"0 0 24 24",class:"daam-icon","aria-hidden":"true",focusable:"false"},svg("path",{d:PATHS[name]}))}function setIcon(node,name){attribute(node.firstElementChild,
"d",PATHS[name])}function short2(value){if(!Number.isFinite(value))return"–";if(value===0)return"0";let size=Math.floor(Math.log10(Math.abs(value)));return size<
-5?value.toExponential(1):value.toFixed(Math.min(8,Math.max(0,2-size)))}var WORDS=1,MAP=2,BASE=4,STEPS=8,STRIP=16,GRID=32,SELECTION=64,LOOK=128,PANEL=256,THEME=512,ALL=1023,NAMED={WORDS,MAP,BASE,STEPS,STRIP,GRID,SELECTION,LOOK,PANEL,
THEME,ALL},OF_TRAIT={_facts:ALL};for(let[name,{redraws}]of Object.entries(controls_data_default))OF_TRAIT[name]=redraws.reduce((flags,flag)=>flags|NAMED[flag],0);var KEY="b",Bare=class{constructor(scope){this.scope=scope,this.on=!1,this.button=el("button",{class:"daam-button daam-only-icon daam-toggle",type:"button",title:`\
The image alone, while this is held down (${KEY})`,"aria-label":"Hold down to see the image alone","aria-pressed":"false","data-testid":"bare"},icon("eye"));let{
button}=this;button.addEventListener("pointerdown",event=>{event.button===0&&(button.setPointerCapture(event.pointerId),this.hold(!0))});for(let end of["pointer\
up","pointercancel","lostpointercapture","blur"])button.addEventListener(end,()=>this.hold(!1));button.addEventListener("contextmenu",event=>event.preventDefault()),
button.addEventListener("keydown",event=>{event.key!==" "&&event.key!=="Enter"||(event.preventDefault(),this.hold(!0))}),this.released=event=>{[KEY," ","Enter"].
includes(event.key)&&this.hold(!1)},this.left=()=>this.hold(!1),window.addEventListener("keyup",this.released,!0),window.addEventListener("blur",this.left)}hold(on){
on!==this.on&&(this.on=on,attribute(this.button,"aria-pressed",String(on)),this.scope.input("bare",()=>this.scope.invalidate(MAP|LOOK)),on&&this.scope.say("The \
image alone."))}destroy(){window.removeEventListener("keyup",this.released,!0),window.removeEventListener("blur",this.left)}};var Asker=class{constructor(source,answered){this.source=source,this.answered=answered,this.asking=null,this.text="",this.failed={text:"",error:""},this.timer=void 0}get problem(){
return this.text!==""&&this.text===this.failed.text?this.failed.error:""}want(question){if(clearTimeout(this.timer),this.text=question?JSON.stringify([this.source.
run,question]):"",this.asking){if(this.asking.text===this.text)return;let wait=question?this.asking.since+times.stale-performance.now():0;if(wait>0){this.timer=
setTimeout(()=>this.want(question),wait);return}this.asking.stop.abort(),this.asking=null}question&&this.text!==this.failed.text&&this.#ask(question,this.text)}async#ask(question,text){
let asking={text,since:performance.now(),stop:new AbortController};this.asking=asking;let parts=null;try{parts=await this.source.ask(question,{signal:asking.stop.
signal})}catch(error){if(asking.stop.signal.aborted)return;let told=error instanceof NoKernel?"":error.message;error instanceof Moot||(this.failed={text,error:told})}
this.asking===asking&&(this.asking=null),this.answered(question,parts)}retry(){this.failed={text:"",error:""}}destroy(){clearTimeout(this.timer),this.asking?.stop.
abort(),this.asking=null}};var MAPS=256,FINEST=64,Looking=class{constructor(scope){this.scope=scope,this.on=!1,this.at=null,this.maps=new Map,this.last=null,this.asker=new Asker(scope.source,
(question,parts)=>this.#answered(question,parts)),this.button=el("button",{class:"daam-button daam-only-icon daam-toggle",type:"button",title:"Where a place loo\
ks: its attention to the rest of the image","aria-label":"Where a place looks","aria-pressed":"false","data-testid":"looking"},icon("target")),this.button.addEventListener(
"click",()=>scope.input("looking",()=>this.turn(!this.on)))}turn(on){this.on=on,this.last=null,on||(this.at=null),attribute(this.button,"aria-pressed",String(on)),
this.scope.say(on?"Point at a place to see where it looks.":"The map of the word."),this.scope.invalidate(MAP|LOOK|STEPS|WORDS)}point(place){if(!this.on||!place)
return;let cell=share3=>(Math.min(FINEST-1,Math.floor(share3*FINEST))+.5)/FINEST;this.at=[cell(place[0]),cell(place[1])],this.scope.invalidate(MAP|LOOK|WORDS)}get#key(){
return JSON.stringify([this.at,this.scope.state.get("steps")])}get shown(){if(!this.on||!this.at)return null;let map=this.maps.get(this.#key);return map&&(this.
last=map),this.last}update(){let{state}=this.scope,kept=!!state.facts.self_attention;this.button.hidden=!kept,!kept&&this.on&&this.turn(!1);let lacks=this.on&&this.
at&&!state.moving&&!this.maps.has(this.#key);this.asker.want(lacks&&this.at?{want:["looks"],sel:state.sel,at:{y:this.at[0],x:this.at[1]}}:null)}#answered(question,parts){
let part=parts?.find(({name})=>name==="looks");if(part?.bytes&&question.at){let{y,x}=question.at,key=JSON.stringify([[y,x],question.sel.steps]),[height,width]=part.
shape,values=asFloats(part.bytes),of={place:[y,x],all:part.all_steps},map={values,height,width,max:part.max,looks:of};this.maps.set(key,{kind:"looks",key:`looks\
 ${key}`,...map}),this.maps.size>MAPS&&this.maps.delete([...this.maps.keys()][0])}this.scope.invalidate(MAP|LOOK|WORDS)}forget(){this.maps.clear(),this.turn(!1)}destroy(){
this.asker.destroy()}};var Contours=class{constructor(){this.points=new Float32Array(4096),this.starts=new Int32Array(256),this.count=0,this.length=0,this.codes=new Uint8Array(0)}find(field2,height,width,level){
if(this.count=0,this.length=0,this.starts[0]=0,!(level>0)||level===1/0)return this;let across=width+1,cells=(height+1)*across;this.codes.length<cells&&(this.codes=
new Uint8Array(cells));let codes=this.codes;codes.fill(0,0,cells);for(let i=0;i<height;i++)for(let j=0;j<width;j++){if(field2[i*width+j]<level)continue;let cell=i*
across+j;codes[cell]|=2,codes[cell+1]|=1,codes[cell+across]|=4,codes[cell+across+1]|=8}for(let cell=0;cell<cells;cell++)for(;codes[cell]!==0&&codes[cell]!==15;)
this.#walk(field2,height,width,level,cell);return this}#walk(field2,height,width,level,cell){let across=width+1,i=Math.floor(cell/across),j=cell-i*across,from=-1,
first=this.length;for(;;){let place=i*across+j,to=this.#leave(place,from);if(to<0)break;this.#cross(field2,height,width,level,i,j,to),to===0?i--:to===1?j++:to===
2?i++:j--,from=(to+2)%4}if(this.length-first<3){this.length=first;return}if(this.count++,this.starts.length<=this.count){let longer=new Int32Array(this.starts.length*
2);longer.set(this.starts),this.starts=longer}this.starts[this.count]=this.length}#leave(cell,from){let code=this.codes[cell],lines=LINES[code];for(let k=0;k<lines.
length;k+=3)if(from<0||lines[k]===from)return this.codes[cell]=lines[k+2],lines[k+1];return-1}#cross(field2,height,width,level,i,j,side){let y0=side===2?i:i-1,x0=side===
1?j:j-1,across=side===0||side===2,a=sample(field2,height,width,y0,x0),b=across?sample(field2,height,width,y0,x0+1):sample(field2,height,width,y0+1,x0),t=a===b?.5:
(level-a)/(b-a),x=across?x0+t:x0,y=across?y0:y0+t;if(this.points.length<(this.length+1)*2){let longer=new Float32Array(this.points.length*2);longer.set(this.points),
this.points=longer}this.points[this.length*2]=Math.min(width,Math.max(0,x+.5)),this.points[this.length*2+1]=Math.min(height,Math.max(0,y+.5)),this.length++}trace(path,sx,sy){
for(let c=0;c<this.count;c++){let start=this.starts[c];path.moveTo(this.points[start*2]*sx,this.points[start*2+1]*sy);for(let p=start+1;p<this.starts[c+1];p++)path.
lineTo(this.points[p*2]*sx,this.points[p*2+1]*sy);path.closePath()}}};function sample(field2,height,width,y,x){return y<0||x<0||y>=height||x>=width?0:field2[y*width+
x]}var LINES=[[],[2,3,0],[1,2,0],[1,3,0],[0,1,0],[0,1,1,2,3,4],[0,2,0],[0,3,0],[3,0,0],[2,0,0],[3,0,2,1,2,8],[1,0,0],[3,1,0],[2,1,0],[3,2,0],[]];function unitText(facts){return facts.unit??"attention probability"}function unitTitle(facts){let unit=unitText(facts);return unit.charAt(0).toUpperCase()+unit.
slice(1)}function stepsText(facts,lo,hi){if(facts.summed)return"all steps";let first=facts.steps?.[lo]?.place??lo,last=facts.steps?.[hi-1]?.place??hi-1;return first===
last?`step ${first}`:`steps ${first}–${last}`}function timestepText(facts,step){let time=facts.steps?.[step]?.timestep;return time===void 0?"":`t = ${Math.round(
time*100)/100}`}function tileText(facts,layers,head){let labels=layers.map(layer=>facts.layers?.[layer]?.label??String(layer)),where=labels.length>1?`${labels[0]}\
 to ${labels[labels.length-1]}`:labels[0],numbers2=numbersIn(head);return`${where}, ${numbers2.length===0?"mean of the heads":headsText(numbers2)}`}function layersText(state){
let{facts}=state,{layer,head}=state.chosen,label=i=>facts.layers?.[i]?.label??"",pairs=pairsIn(head),of=new Set(pairs.map(([i])=>i));return of.size>1?`${pairs.length}\
 heads of ${of.size} layers`:of.size===1?`${label(pairs[0][0])}, ${headsText(pairs.map(([,h])=>h))}`:`${layer<0?`${state.get("choice")} layers`:label(layer)}, ${head===
-1?"all heads":headsText(numbersIn(head))}`}function headsText(heads){let last=heads.at(-1);return heads.length>1?`heads ${heads.slice(0,-1).join(", ")} and ${last}`:
`head ${last}`}function wordText(facts,number){let word=facts.words?.[number];if(!word)return String(number);let same4=facts.words.filter(({text,kind})=>kind===
word.kind&&text.toLowerCase()===word.text.toLowerCase());return same4.length>1?`${word.text} (${same4.indexOf(word)+1})`:word.text}var palettes_data_default={inferno:"AAAEAQAFAQEGAQEIAgEKAgIMAgIOAwIQBAMSBAMUBQQXBgQZBwUbCAUdCQYfCgciCwckDAgmDQgpDgkrEAktEQowEgoyFAs0FQs3Fgs5GAw8GQw+GwxBHAxDHgxF\
HwxIIQxKIwxMJAxPJgxRKAtTKQtVKwtXLQtZLwpbMQpcMgpeNApfNglhOAliOQljOwlkPQllPglmQApnQgpoRApoRQppRwtqSQtqSgxrTAxrTQ1sTw1sUQ5sUg5tVA9tVQ9tVxBuWRBuWhFuXBJuXRJuXxNuYRNu\
YhRuZBVuZRVuZxZuaRZuahdubBhubRhubxlucRluchpudBpudRtudxxteBxteh1tfB1tfR5tfx5sgB9sgiBshCBrhSFrhyFriCJqiiJqjCNpjSNpjyRpkCVokiVokyZnlSZnlydmmCdmmihlmylknSlknypjoCpj\
oitioyxhpSxgpi1gqC5fqS5eqy9erTBdrjBcsDFbsTJaszJatDNZtjRYtzVXuTVWujZVvDdUvThTvzlSwDpRwTpQwztPxDxOxj1Nxz5MyD9LykBKy0FJzEJIzkNHz0RG0EVF0kZE00dD1EhC1UpB10s/2Ew+2U09\
2k4821A73VE63lI431M34FU24VY14lc041kz5Fox5Vww5l0v514u6GAt6WEr6mMq62Qp62Yo7Gcm7Wkl7mok72wj724h8G8g8XEf8XMd8nQc83Yb83gZ9HkY9XsX9X0V9n4U9oAT94IS94QQ+IUP+IcO+IkM+YsL\
+YwK+Y4J+pAI+pIH+pQH+5YG+5cG+5kG+5sG+50H/J8H/KEI/KMJ/KUK/KYM/KgN/KoP/KwR/K4S/LAU/LIW/LQY+7Ya+7gd+7of+7wh+74j+sAm+sIo+sQq+sYt+ccv+cky+cs1+M03+M8699E999NA9tVD9tdG\
9dlJ9dtM9N1P9N9T9OFW8+Na8+Vd8uZh8uhl8upp8ext8e1x8e918fF58vJ98vSC8/WG8/aK9PiO9fmS9vqW+Pua+fyd+v2h/P+k",magma:"AAAEAQAFAQEGAQEIAgEJAgILAgINAwMPAwMSBAQUBQQWBgUYBgU\
aBwYcCAceCQcgCggiCwkkDAkmDQopDgsrEAstEQwvEg0xEw00FA42FQ44Fg87GA89GRA/GhBCHBBEHRFHHhFJIBFLIRFOIhFQJBJTJRJVJxJYKRFaKhFcLBFfLRFhLxFjMRFlMxBnNBBpNhBrOBBsOQ9uOw9wPQ9\
xPw9yQA90Qg91RA92RRB3RxB4SRB4ShB5TBF6ThF7TxJ7URJ8UhN8VBN9VhR9VxV+WRV+WhZ+XBZ/XRd/Xxh/YBiAYhmAZBqAZRqAZxuAaByBahyBax2BbR2Bbh6BcB+Bch+BcyCBdSGBdiGBeCKBeSKCeyOCfCO\
CfiSCgCWCgSWBgyaBhCaBhieBiCeBiSiBiymBjCmBjiqBkCqBkSuBkyuAlCyAliyAmC2AmS2Amy5/nC5/ni9/oC9/oTB+ozB+pTF+pjF9qDJ9qjN9qzN8rTR8rjR7sDV7sjV7szZ6tTZ6tzd5uDd5ujh4vDl4vTl\
3vzp3wDp2wjt1xDx1xTx0xz1zyD5zyj5yzD9xzUBxz0Bw0EFv0kJv00Nu1URt1kVs2EVs2UZr20dq3Ehp3klo30po4Exn4k1m405l5E9k5VBk51Jj6FNi6VRi6lZh61dg7Fhg7Vpf7lte711e8F9e8WBd8mJd8mR\
c82Vc9Gdc9Glc9Wtc9mxc9m5c93Bc93Jc+HRc+HZc+Xhd+Xld+Xtd+n1e+n9e+oFf+4Nf+4Vg+4dh/Ilh/Ipi/Ixj/I5k/JBl/ZJm/ZRn/ZZo/Zhp/Zpq/Ztr/p1s/p9t/qFu/qNv/qVx/qdy/qlz/qp0/qx2/q5\
3/rB4/rJ6/rR7/rZ8/rd+/rl//ruB/r2C/r+E/sGF/sKH/sSI/saK/siM/sqN/syP/s2Q/s+S/tGU/tOV/tWX/teZ/tia/dqc/dye/d6g/eCh/eKj/eOl/eWn/eep/emq/eus/Oyu/O6w/PCy/PK0/PS2/Pa4/Pe\
5/Pm7/Pu9/P2/",plasma:"DQiHEAeIEweJFgeKGQaMGwaNHQaOIAaPIgaQJAaRJgWRKAWSKgWTLAWULgWVLwWWMQWXMwWXNQSYNwSZOASaOgSaPASbPgScPwScQQSdQwOeRAOeRgOfSAOfSQOgSwOhTAKhTgKiU\
AKiUQKjUwKjVQKkVgGkWAGkWQGlWwGlXAGmXgGmYAGmYQCnYwCnZACnZgCnZwCoaQCoagCobACobgCobwCocQCocgGodAGodQGodwGoeAGoegKoewKofQOofgOogASogQSngwWnhAWnhgamhwemiAimigmliwqlj\
Quljgykjw2kkQ6jkg+jlBCilRGhlhOhmBSgmRWfmhafnBeenRidnhmdoBqcoRuboh2aox6apR+ZpiCYpyGXqCKWqiOVqySUrCaUrSeTriiSsCmRsSqQsiuPsyyOtC6NtS+MtjCLtzGKuDKJujOIuzSIvDWHvTeGv\
jiFvzmEwDqDwTuCwjyBwz2AxD5/xUB+xkF9x0J8yEN7yUR6ykV6y0Z5zEd4zEl3zUp2zkt1z0x00E1z0U5y0k9x01Fx1FJw1VNv1VRu1lVt11Zs2Fdr2Vhq2lpq2ltp21xo3F1n3V5m3l9l3mFk32Jj4GNj4WRi4\
mVh4mZg42hf5Gle5Wpd5Wtd5mxc525b529a6HBZ6XFY6XJX6nRX63VW63ZV7HdU7XlT7XpS7ntR73xR735Q8H9P8IBO8YFN8YNM8oRL84VL84dK9IhJ9IlI9YtH9YxG9o1F9o9E95BE95FD95NC+JRB+JVA+Zc/+\
Zg++Zo++ps9+pw8+p47+586+6E5+6I4/KM4/KU3/KY2/Kg1/Kk0/asz/awz/a4y/a8x/bEw/bIv/bQv/bUu/rct/rgs/ros/rsr/r0q/r4q/sAp/cIp/cMo/cUn/cYn/cgn/com/csm/M0l/M4l/NAl/NIl+9Mk+\
9Uk+9ck+tgk+tok+dwk+d0l+N8l+OEl9+Il9+Ql9uYm9ugm9ekm9esn9O0n8+4n8/An8vIn8fQm8fUl8Pck8Pkh",viridis:"RAFURAJWRQRXRQVZRgdaRghcRgpdRgteRw1gRw5hRxBjRxFkRxNlSBRnSBZoSB\
dpSBhqSBpsSBttSBxuSB1vSB9wSCBxSCFzSCN0SCR1SCV2SCZ3SCh4SCl5Ryp6Ryx6Ry17Ry58Ry99RjB+RjJ+RjN/RjSARTWBRTeBRTiCRDmDRDqDRDuEQz2EQz6FQj+FQkCGQkGGQUKHQUSHQEWIQEaIP0eIP0\
iJPkmJPkqJPkyKPU2KPU6KPE+KPFCLO1GLO1KLOlOLOlSMOVWMOVaMOFiMOFmMN1qMN1uNNlyNNl2NNV6NNV+NNGCNNGGNM2KNM2ONMmSOMmWOMWaOMWeOMWiOMGmOMGqOL2uOL2yOLm2OLm6OLm+OLXCOLXGOLH\
GOLHKOLHOOK3SOK3WOKnaOKneOKniOKXmOKXqOKXuOKHyOKH2OJ36OJ3+OJ4COJoGOJoKOJoKOJYOOJYSOJYWOJIaOJIeOI4iOI4mOI4qNIouNIoyNIo2NIY6NIY+NIZCNIZGMIJKMIJKMIJOMH5SMH5WLH5aLH5\
eLH5iLH5mKH5qKHpuKHpyJHp2JH56JH5+IH6CIH6GIH6GHH6KHIKOGIKSGIaWFIaaFIqeFIqiEI6mDJKqDJauCJayCJq2BJ62BKK6AKa9/KrB/LLF+LbJ9LrN8L7R8MbV7MrZ6NLZ5Nbd5N7h4OLl3Orp2O7t1Pb\
x0P7xzQL1yQr5xRL9wRsBvSMFuSsFtTMJsTsNrUMRqUsVpVMVoVsZnWMdlWshkXMhjXsliYMpgY8tfZcteZ8xcac1bbM1abs5YcM9Xc9BWddBUd9FTetFRfNJQf9NOgdNNhNRLhtVJidVIi9ZGjtZFkNdDk9dBld\
hAmNg+m9k8ndk7oNo5oto3pds2qNs0qtwyrdwwsN0vst0ttd4ruN4put4ovd8mwN8lwt8jxeAhyOAgyuEfzeEd0OEc0uIb1eIa2OIZ2uMZ3eMY3+MY4uQY5eQZ5+QZ6uUa7OUb7+Uc8eUd9OYe9uYg+OYh++cj/e\
cl",cividis:"ACJOACNPACRRACVTACVUACZWACdYAChZAChbACldACpfACphACtiACxkACxmAC1oAC5qAC5sAC9tADBvADBwADFwADFxATJxBTNxCDNwDDRwDzVwEjVwFDZwFjdwGDdvGjhvHDlvHjpvIDpvITt\
uIzxuJDxuJj1uJz5uKT9uKj9tK0BtLUFtLkFtL0JtMUNtMkNtM0RtNEVsNUVsNkZsOEdsOUhsOkhsO0lsPEpsPUpsPktsP0xsQExsQU1sQk5sQ05sRE9sRVBsRlFsR1FsSFJsSVNsSlNsS1RsTFVsTVVsTlZsT1d\
sUFdsUVhtUlltU1ptVFptVVttVVxtVlxtV11tWF5tWV5uWl9uW2BuXGFuXWFuXmJuXmNvX2NvYGRvYWVvYmVvY2ZwZGdwZWhwZWhwZmlwZ2pxaGpxaWtxamxxa21ybG1ybG5ybW9ybm9zb3BzcHFzcXJ0cnJ0cnN\
0c3R1dHR1dXV1dnZ2d3d2d3d3eHh3eXl3enp4e3p4fHt4fXx4fnx4fn14f354gH94gX94goB5g4F5hIJ5hYJ5hoN5h4R4iIV4iYV4ioZ4i4d4jIh4jYh4jol4j4p4kIt4kYt4kox4ko14k454lI53lY93lpB3l5F\
3mJJ3mZJ3mpN2m5R2nJV2nZV2npZ2n5d1oJh1oZl1opl1o5p0pJt0pZx0ppx0p51zqJ5zqZ9zqqBzq6ByrKFyraJyrqNxr6RxsKVxsaVws6ZwtKdvtahvtqlvt6luuKpuuattuqxtu61tvK5sva5svq9rv7BrwLF\
qwbJqwrNpw7NpxLRoxbVoxrZnx7dnyLhmyblly7llzLpkzbtjzrxjz71i0L5i0b9h0sBg08Bf1MFf1cJe1sNd18Rc2cVc2sZb28da3MhZ3chY3slY38pX4MtW4cxV4s1U5M5T5c9S5tBR59FQ6NJP6dNO6tNM69R\
L7dVK7tZJ79dI8NhG8dlF8tpE89tC9dxB9t0/994++N88+eA6++E4/OI2/eM0/uQ0/uU1/uY2/ug4",gray:"AAAAAQEBAgICAwMDBAQEBQUFBgYGBwcHCAgICQkJCgoKCwsLDAwMDQ0NDg4ODw8PEBAQEREREhI\
SExMTFBQUFRUVFhYWFxcXGBgYGRkZGhoaGxsbHBwcHR0dHh4eHx8fICAgISEhIiIiIyMjJCQkJSUlJiYmJycnKCgoKSkpKioqKysrLCwsLS0tLi4uLy8vMDAwMTExMjIyMzMzNDQ0NTU1NjY2Nzc3ODg4OTk5Ojo\
6Ozs7PDw8PT09Pj4+Pz8/QEBAQUFBQkJCQ0NDRERERUVFRkZGR0dHSEhISUlJSkpKS0tLTExMTU1NTk5OT09PUFBQUVFRUlJSU1NTVFRUVVVVVlZWV1dXWFhYWVlZWlpaW1tbXFxcXV1dXl5eX19fYGBgYWFhYmJ\
iY2NjZGRkZWVlZmZmZ2dnaGhoaWlpampqa2trbGxsbW1tbm5ub29vcHBwcXFxcnJyc3NzdHR0dXV1dnZ2d3d3eHh4eXl5enp6e3t7fHx8fX19fn5+f39/gICAgYGBgoKCg4ODhISEhYWFhoaGh4eHiIiIiYmJioq\
Ki4uLjIyMjY2Njo6Oj4+PkJCQkZGRkpKSk5OTlJSUlZWVlpaWl5eXmJiYmZmZmpqam5ubnJycnZ2dnp6en5+foKCgoaGhoqKio6OjpKSkpaWlpqamp6enqKioqampqqqqq6urrKysra2trq6ur6+vsLCwsbGxsrK\
ys7OztLS0tbW1tra2t7e3uLi4ubm5urq6u7u7vLy8vb29vr6+v7+/wMDAwcHBwsLCw8PDxMTExcXFxsbGx8fHyMjIycnJysrKy8vLzMzMzc3Nzs7Oz8/P0NDQ0dHR0tLS09PT1NTU1dXV1tbW19fX2NjY2dnZ2tr\
a29vb3Nzc3d3d3t7e39/f4ODg4eHh4uLi4+Pj5OTk5eXl5ubm5+fn6Ojo6enp6urq6+vr7Ozs7e3t7u7u7+/v8PDw8fHx8vLy8/Pz9PT09fX19vb29/f3+Pj4+fn5+vr6+/v7/Pz8/f39/v7+////",RdBu_r:"B\
TBhBjJkBzRnCDZqCThtCjtwDD1zDT92DkF5D0N7EEV+EUeBEkmEE0yHFE6KFVCNF1KQGFSTGVaWGliZG1qcHFyfHV+iHmGlH2OoIGWrImesI2mtJGquJmyvJ26wKHCxKnGyK3OzLHW0Lne1L3m1MHq2Mny3M364N\
IC5NoG6N4O7OIW8Ooe9O4i+PIq+Poy/P47AQI/BQpHCQ5PDRpXESZfFTJnGT5vHUp3IVp/JWaHKXKPLX6XNYqfOZanPaKvQa6zRbq7ScbDTdbLUeLTVe7bWfrjXgbrYhLzZh77aisDbjcLckMTdk8belsffmMjgm\
8ngncvhoMzios3jpc7jp9DkqdHlrNLlrtPmsdXns9bottfouNjpu9rqvdvqwNzrwt3sxd/sx+DtyuHuzOLvz+Tv0eXw0ubw1Obx1efx1+jx2Onx2uny2+ry3evy3uvy4Ozz4e3z4+3z5O705u/05/D06fD06vH17\
PL17fL17/P18PT28vX28/X29fb39vf39/b29/X0+PTy+PPw+PLv+PHt+fDr+e/p+e7n+e3l+evj+urh+unf+uje+ufc++ba++XY++TW++PU/OLS/ODQ/N/P/N7N/d3L/dzJ/dvH/dnE/NfC/NW//NO8+9C5+863+\
8y0+sqx+siv+cas+cSp+cKn+L+k+L2h+Lue97mc97eZ97WW9rOU9rGR9q+O9ayL9aqJ9aiG9KaD86SB8qF/8Z598Jx775l57pZ37JN065Fy6o5w6Ytu6Ils5oZq5YNo5IBm435k4nti4Xhg33Ze3nNc3XBZ3G5X2\
2tV2mhT2GVR12NP1mBN1V1M01pK0lhJ0FVIz1JGzk9FzExEy0lCyUdByERAxkE+xT49xDs8wjg6wTY5vzM4vjA2vS01uyo0uigyuCUxtyIwth8utBwtsxkssRgrrhcqqxYqqBUppRQpohMonxIonBEnmRAnlg8nk\
w4mkA0mjQwligslhwokhAkkgQgjfwgjfAcieQYidgUhcwQhcAMgbQIgagEfZwAf"};var NAMES2=Object.keys(palettes_data_default).filter(name=>name!=="RdBu_r"),tables=new Map;function palette(name){let table=tables.get(name);if(!table){let known=palettes_data_default,
rgb=fromBase64(Object.hasOwn(known,name)?known[name]:known.inferno);table=new Uint32Array(256);for(let i=0;i<256;i++)table[i]=packed(rgb[3*i],rgb[3*i+1],rgb[3*i+
2],255);tables.set(name,table)}return table}var LEVELS=64,PAIR=pair([240,110,0],[0,118,230]);function pair(one,two){let table=new Uint32Array(LEVELS*LEVELS),weight=k=>Math.
max(0,(k/(LEVELS-1)-.2)/.8);for(let i=0;i<LEVELS;i++)for(let j=0;j<LEVELS;j++){let[a,b]=[weight(i),weight(j)],share3=a+b>0?a/(a+b):.5,both=Math.min(1,1.4*Math.min(
a,b)),rgb=one.map((c,k)=>{let hue=c*share3+two[k]*(1-share3);return Math.round(hue+(255-hue)*both)});table[i*LEVELS+j]=packed(rgb[0],rgb[1],rgb[2],Math.round(255*
Math.max(a,b)**.8))}return table}function paintPair(a,maxA,b,maxB,out){let last=LEVELS-1,scaleA=maxA>0?last/maxA:0,scaleB=maxB>0?last/maxB:0;for(let k=0;k<out.length;k++){
let i=a[k]*scaleA+.5|0,j=b[k]*scaleB+.5|0;out[k]=PAIR[(i>last?last:i)*LEVELS+(j>last?last:j)]}}function paint(values,max,table,out){let scale=max>0?255/max:0;for(let i=0;i<
values.length;i++){let place=values[i]*scale+.5|0;out[i]=table[place>255?255:place]}}function paintDifference(a,scaleA,b,scaleB,max,table,out){let scale=max>0?127.5/
max:0;for(let i=0;i<a.length;i++){let place=127.5+(a[i]*scaleA-b[i]*scaleB)*scale+.5|0;out[i]=table[place<0?0:place>255?255:place]}}function packed(red,green,blue,alpha){
return(alpha<<24|blue<<16|green<<8|red)>>>0}function gradient(name){let table=palette(name),stops=[];for(let i=0;i<=16;i++){let c=table[Math.min(255,i*16)];stops.
push(`rgb(${c&255} ${c>>8&255} ${c>>16&255})`)}return`linear-gradient(to right, ${stops.join(", ")})`}var FADE=.95,DIM=.45;function fade(context,x,y,width,height){
context.save(),context.globalCompositeOperation="saturation",context.globalAlpha=FADE,context.fillStyle="#808080",context.fillRect(x,y,width,height),context.globalCompositeOperation=
"source-over",context.globalAlpha=DIM,context.fillStyle="#000",context.fillRect(x,y,width,height),context.restore()}var DRAG=4,Pointer=class{constructor(scope,canvas,point){this.point=point,this.scope=scope,this.canvas=canvas,this.tool="",this.cursor=null,this.anchor=null,this.
press=null,this.path=[],this.tools=[this.#tool("box"),this.#tool("lasso")],canvas.addEventListener("pointerdown",event=>this.#down(event)),canvas.addEventListener(
"pointermove",event=>this.#move(event)),canvas.addEventListener("pointerup",event=>this.#up(event)),canvas.addEventListener("pointercancel",()=>this.#drop()),canvas.
addEventListener("pointerleave",event=>this.#leave(event)),canvas.addEventListener("keydown",event=>this.#key(event)),canvas.addEventListener("blur",()=>this.#blur())}#tool(name){
let button=el("button",{class:"daam-button daam-only-icon daam-toggle",type:"button",title:name==="box"?"Drag a box":"Drag a lasso (or Shift-drag)","aria-label":name===
"box"?"Drag a box":"Drag a lasso","aria-pressed":"false","data-testid":`tool-${name}`},icon(name));return button.addEventListener("click",()=>{this.tool=this.tool===
name?"":name;for(let other of this.tools)attribute(other,"aria-pressed",String(other===button&&this.tool!==""));attribute(this.canvas,"data-tool",this.tool||null)}),
button}#point(event){let box=this.canvas.getBoundingClientRect();return[Math.min(1,Math.max(0,(event.clientY-box.top)/box.height)),Math.min(1,Math.max(0,(event.
clientX-box.left)/box.width))]}#down(event){if(event.button!==0)return;let isDrawn=event.pointerType!=="touch"||this.tool!=="";isDrawn&&this.canvas.setPointerCapture(
event.pointerId),this.press={id:event.pointerId,start:this.#point(event),x:event.clientX,y:event.clientY,draws:isDrawn,lasso:this.tool==="lasso"||event.shiftKey||
event.altKey},this.cursor=null,this.anchor=null}#move(event){let press=this.press;if(!press||press.id!==event.pointerId){event.pointerType!=="touch"&&this.scope.
input("pixel",()=>this.point(this.#point(event)));return}let far=Math.hypot(event.clientX-press.x,event.clientY-press.y)>DRAG;!press.draws||!far&&this.path.length===
0||this.scope.input("region",()=>{let here=this.#point(event);press.lasso?this.path.length===0?this.path.push(press.start,here):this.path.push(here):this.path=boxOf(
press.start,here),this.scope.invalidate(MAP)})}#up(event){if(!this.press)return;this.press=null;let path=this.path;this.path=[],this.scope.input("region",()=>{path.
length>=3?this.choose(path):(this.choose([]),this.point(this.#point(event)))})}choose(polygon){let rounded=polygon.map(point=>point.map(share3=>Math.round(share3*
1e4)/1e4));this.scope.state.set({region:rounded}),this.scope.invalidate(MAP|PANEL)}#drop(){this.press=null,this.path=[],this.scope.invalidate(MAP)}#leave(event){
event.pointerType!=="touch"&&!this.press&&!this.cursor&&this.point(null)}#blur(){this.cursor&&(this.cursor=null,this.anchor=null,this.path=[],this.point(null),this.
scope.invalidate(MAP))}#key(event){let move=MOVES[event.key];if(move){event.preventDefault();let step=event.shiftKey?.1:.02;this.scope.input("crosshair",()=>this.#step(
move[0]*step,move[1]*step))}else event.key==="Enter"?(event.preventDefault(),this.scope.input("region",()=>this.#enter())):event.key==="Escape"&&(this.anchor||this.
cursor)&&(event.preventDefault(),event.stopPropagation(),this.anchor?this.#drop():this.#blur(),this.anchor=null)}#step(dy,dx){let[y,x]=this.cursor??[.5-dy,.5-dx];
this.cursor=[Math.min(1,Math.max(0,y+dy)),Math.min(1,Math.max(0,x+dx))],this.anchor?this.path=boxOf(this.anchor,this.cursor):this.point(this.cursor,!0),this.scope.
invalidate(MAP)}#enter(){if(!this.cursor)this.#step(0,0);else if(!this.anchor)this.anchor=this.cursor,this.scope.say("Box begun. Move with the arrow keys, Enter\
 ends it.");else{let path=this.path;this.anchor=null,this.path=[],path.length>=3&&this.choose(path)}}draw(context,width,height,scale){let region=this.path.length>=
2?this.path:this.scope.state.get("region");if(region.length>=2){context.beginPath();for(let[y2,x2]of region)context.lineTo(x2*width,y2*height);context.closePath(),
twice(context,scale,[3*scale,3*scale])}if(!this.cursor)return;let[y,x]=[this.cursor[0]*height,this.cursor[1]*width],arm=11*scale,gap=4*scale;context.beginPath();
for(let[dy,dx]of Object.values(MOVES))context.moveTo(x+dx*gap,y+dy*gap),context.lineTo(x+dx*arm,y+dy*arm);twice(context,scale,[])}},MOVES={ArrowUp:[-1,0],ArrowDown:[
1,0],ArrowLeft:[0,-1],ArrowRight:[0,1]};function twice(context,scale,dash){context.setLineDash([]),context.lineWidth=3.5*scale,context.strokeStyle="rgb(0 0 0 / \
0.7)",context.stroke(),context.setLineDash(dash),context.lineWidth=1.6*scale,context.strokeStyle="#fff",context.stroke(),context.setLineDash([])}function boxOf(a,b){
let[top,bottom]=a[0]<b[0]?[a[0],b[0]]:[b[0],a[0]],[left,right]=a[1]<b[1]?[a[1],b[1]]:[b[1],a[1]];return[[top,left],[top,right],[bottom,right],[bottom,left]]}var COLOR_A="#ff8a1f",COLOR_B="#39a9ff",SQUARE=3,Layer=class{constructor(){this.canvas=document.createElement("canvas"),this.context=this.canvas.getContext("2d"),
this.image=new ImageData(1,1),this.pixels=new Uint32Array(this.image.data.buffer)}fit(width,height){this.image.width===width&&this.image.height===height||(this.
canvas.width=width,this.canvas.height=height,this.image=new ImageData(width,height),this.pixels=new Uint32Array(this.image.data.buffer))}show(){this.context.putImageData(
this.image,0,0)}},ImageView=class{constructor(scope,{point}){this.scope=scope,this.canvas=el("canvas",{class:"daam-canvas","data-testid":"image",tabindex:"0",role:"\
application","aria-roledescription":"image with a heat map"}),this.context=this.canvas.getContext("2d"),this.base=document.createElement("canvas"),this.heat=new Layer,
this.contours=[new Contours,new Contours],this.overlap={iou:0,iod:0,ioh:0,both:0,a:0,b:0},this.baseKey="",this.drawn=!1,this.legend=new Legend,this.numbers=new Numbers,
this.pointer=new Pointer(scope,this.canvas,point),this.bare=new Bare(scope),this.looking=new Looking(scope),scope.maps.looks=()=>this.looking.shown,this.cells=el(
"button",{class:"daam-button daam-only-icon daam-toggle",type:"button",title:"The cells as they were recorded, instead of a smooth map","aria-label":"Recorded c\
ells","aria-pressed":"false","data-testid":"cells"},icon("cells")),this.cells.addEventListener("click",()=>scope.input("cells",()=>scope.state.set({cells:!scope.
state.get("cells")}))),this.frame=el("div",{class:"daam-frame"},this.canvas),this.element=el("div",{class:"daam-image"},this.frame,el("div",{class:"daam-hand",role:"\
group","aria-label":"Tools of the image"},...this.pointer.tools,this.cells,this.looking.button,this.bare.button),this.legend.element,el("div",{class:"daam-below"},
this.numbers.element,this.legend.unit))}update(what){if(this.looking.update(),!(what&(MAP|BASE|THEME)))return;this.#fit(),attribute(this.cells,"aria-pressed",String(
!!this.scope.state.get("cells"))),what&BASE&&(this.baseKey="");let{maps}=this.scope,a=maps.shown(0),alone=!!(a?.of||a?.looks),b=alone?null:maps.shown(1),missing=!a||
maps.comparing&&!alone&&!b;missing&&this.drawn&&this.scope.mayLinger||(this.#drawBase(),a&&!missing&&this.#drawMaps(a,b),this.bare.on?this.#showBase():this.pointer.
draw(this.context,this.canvas.width,this.canvas.height,this.scope.dots),this.drawn=!!a,this.legend.update(this.scope,a,b),this.numbers.update(this.scope,missing?
null:a,b,this.overlap))}destroy(){this.bare.destroy(),this.looking.destroy()}#fit(){let[height,width]=this.scope.state.facts.image??[1,1],ratio=`${width} / ${height}`;
this.frame.style.aspectRatio!==ratio&&(this.frame.style.aspectRatio=ratio);let wide=this.frame.clientWidth;if(wide===0)return;let across=Math.max(32,Math.round(
wide*this.scope.dots)),down=Math.max(32,Math.round(across*height/width));if(!(this.canvas.width===across&&this.canvas.height===down)){for(let canvas of[this.canvas,
this.base])canvas.width=across,canvas.height=down;this.baseKey=""}}#drawBase(){let{state,images,maps}=this.scope,follow=state.get("follow_step")?images.thumbnail(
state.steps[1]-1):null,gray=maps.comparing&&!maps.hover&&!maps.looks()&&!this.bare.on,key=`${follow?`${follow.x},${follow.y}`:"image"} ${gray}`,{width,height}=this.
canvas;if(key!==this.baseKey){let context=this.base.getContext("2d");if(context.fillStyle="#8883",context.clearRect(0,0,width,height),context.fillRect(0,0,width,
height),context.imageSmoothingQuality="high",follow&&images.strip){context.imageSmoothingEnabled=width<SQUARE*follow.width;let{x,y,width:w,height:h}=follow;context.
drawImage(images.strip,x,y,w,h,0,0,width,height)}else images.image&&(context.imageSmoothingEnabled=width<SQUARE*images.image.width,context.drawImage(images.image,
0,0,width,height));gray&&(follow||images.image)&&fade(context,0,0,width,height),this.baseKey=images.image||follow?key:""}this.#showBase()}#showBase(){this.context.
clearRect(0,0,this.canvas.width,this.canvas.height),this.context.drawImage(this.base,0,0)}#drawMaps(a,b){let{state}=this.scope,threshold=state.get("threshold"),
levelA=levelOf(a.max,threshold),fieldA=enlarger(a.height,a.width,"a"),valuesA=fieldA.enlarge(a.values),cells=!!state.get("cells");if(!b){let colors=palette(state.
get("colormap")),own=cells?(a.of||a.looks?null:this.scope.maps.recorded())??a:fieldA;this.heat.fit(own.width,own.height),paint("values"in own?own.values:valuesA,
a.max,colors,this.heat.pixels),this.#lay(),this.#line(0,valuesA,fieldA,levelA,"#ffffff",!1);return}let fieldB=enlarger(b.height,b.width,"b"),valuesB=fieldB.enlarge(
b.values),levelB=levelOf(b.max,threshold);if(overlap(a.values,levelA,b.values,levelB,this.overlap),state.get("view")==="difference"&&valuesA.length===valuesB.length)
cells?this.#difference(a,a.values,b,b.values,a):this.#difference(a,valuesA,b,valuesB,fieldA);else{let both=cells&&a.values.length===b.values.length;this.heat.fit(
...sizeOf(both?a:fieldA)),both?paintPair(a.values,a.max,b.values,b.max,this.heat.pixels):paintPair(valuesA,a.max,valuesB,b.max,this.heat.pixels),this.#lay()}this.#line(
0,valuesA,fieldA,levelA,COLOR_A,!1),this.#line(1,valuesB,fieldB,levelB,COLOR_B,!0)}#difference(a,valuesA,b,valuesB,size){let own=this.scope.state.get("differenc\
e_scale")==="own",scaleA=own&&a.max>0?1/a.max:1,scaleB=own&&b.max>0?1/b.max:1,max=own?1:Math.max(a.max,b.max);this.heat.fit(size.width,size.height),paintDifference(
valuesA,scaleA,valuesB,scaleB,max,palette("RdBu_r"),this.heat.pixels),this.#lay()}#lay(){this.heat.show(),this.context.globalAlpha=this.scope.state.get("opacity"),
this.context.imageSmoothingEnabled=!this.scope.state.get("cells"),this.context.drawImage(this.heat.canvas,0,0,this.canvas.width,this.canvas.height),this.context.
globalAlpha=1}#line(which,values,size,level,color,dashed){if(!this.scope.state.get("contour"))return;let curves=this.contours[which].find(values,size.height,size.
width,level),{context}=this,scale=this.scope.dots;context.beginPath(),curves.trace(context,this.canvas.width/size.width,this.canvas.height/size.height),context.
lineJoin="round",context.setLineDash([]),context.strokeStyle="rgb(0 0 0 / 0.55)",context.lineWidth=3.6*scale,context.stroke(),dashed&&context.setLineDash([6*scale,
4.5*scale]),context.strokeStyle=color,context.lineWidth=1.8*scale,context.stroke(),context.setLineDash([])}};function sizeOf({height,width}){return[width,height]}
var Legend=class{constructor(){this.low=el("span",{class:"daam-legend-end"}),this.high=el("span",{class:"daam-legend-end"}),this.bar=el("span",{class:"daam-lege\
nd-bar"}),this.mark=el("span",{class:"daam-legend-mark"}),this.bar.append(this.mark),this.kind=el("span",{class:"daam-kind","data-testid":"kind"}),this.unit=el(
"p",{class:"daam-hint daam-unit","data-testid":"unit"}),this.element=el("div",{class:"daam-legend"},this.low,this.bar,this.high,this.kind),this.colors=""}update(scope,a,b){
let{state}=scope,difference=b&&state.get("view")==="difference",kind=a?a.kind:scope.isAbsent?"absent":"waiting";write(this.kind,KINDS2[kind][0]),attribute(this.
kind,"title",KINDS2[kind][1]),attribute(this.kind,"data-kind",kind);let colors=difference?"RdBu_r":b?"families":state.get("colormap");colors!==this.colors&&(this.
bar.style.backgroundImage=b&&!difference?FAMILIES:gradient(colors),this.colors=colors),this.mark.hidden=!!b||!state.get("contour"),this.mark.style.left=`${100*state.
get("threshold")}%`,difference?(write(this.low,"B more"),write(this.high,"A more")):b?(write(this.low,"A alone"),write(this.high,"B alone")):(write(this.low,"0"),
write(this.high,a?short2(a.max):"–")),attribute(this.bar,"title",b?"White: both":`${unitTitle(state.facts)}, up to this map's peak`),this.unit.hidden=!!b,write(
this.unit,a?.looks?LOOKS:unitTitle(state.facts))}},LOOKS="Self-attention; 1: to all cells alike",FAMILIES="linear-gradient(to right, #f06e00, #f9b780, #fff, #80\
baf2, #0076e6)",KINDS2={exact:["exact","The map as heat_maps computes it"],reduced:["all steps","The mean of all steps, made from small maps of the heads in 8 b\
its"],preview:["preview","The mean of per-step maps, by its own definition; close to the exact map"],tile:["tile","One tile of the grid, enlarged"],looks:["a pl\
ace looks","Attention of the marked place to the rest of the image; 1: to all alike"],waiting:["waiting","The map is on its way"],absent:["not embedded","This p\
age holds no map of this choice"]},Numbers=class{constructor(){this.element=el("dl",{class:"daam-numbers","data-testid":"numbers"}),this.entries={};for(let[name,
label,title]of NUMBERS){let value=el("dd",{"data-testid":name}),naming=el("dt",{text:label}),box=el("div",{class:"daam-number",title},naming,value);this.entries[name]=
{box,name:naming,value},this.element.append(box)}}update(scope,a,b,overlap2){for(let name of["peak","peak_b"])attribute(this.entries[name].box,"title",`${TITLES[name]}\
: ${unitText(scope.state.facts)}`);for(let name of["iou","iod","ioh","peak_b"])this.entries[name].box.hidden=!b;if(this.entries.area.box.hidden=!!b,write(this.entries.
peak.name,b?"peak of A":"peak"),write(this.entries.peak.value,a?short2(a.max):"–"),write(this.entries.peak_b.value,b?short2(b.max):"–"),b)for(let name of["i\
ou","iod","ioh"])write(this.entries[name].value,overlap2[name].toFixed(2));else write(this.entries.area.value,a?`${Math.round(100*share2(scope,a))} %`:"–")}},
NUMBERS=[["peak","peak","The largest value of the shown map"],["area","mask","Share of the image inside the contour"],["peak_b","peak of B","The largest value o\
f the compared map"],["iou","IoU","Intersection of both masks over their union"],["iod","IoD","Intersection over B's mask: how much of B lies in A"],["ioh","IoH",
"Intersection over A's mask: how much of A lies in B"]],TITLES=Object.fromEntries(NUMBERS.map(([name,,title])=>[name,title]));function share2(scope,a){let level=levelOf(
a.max||largest(a.values),scope.state.get("threshold")),inside=0;for(let i=0;i<a.values.length;i++)a.values[i]>=level&&inside++;return inside/a.values.length}var COLORS="RdBu_r",ALIKE=.01,Difference=class{constructor(a,b){this.a=a,this.b=b,this.heat=new Layer,this.raiser=null,this.overlap={iou:0,iod:0,ioh:0,both:0,a:0,
b:0},this.canvas=el("canvas",{class:"daam-canvas",role:"img","data-testid":"difference"}),this.frame=el("div",{class:"daam-frame"},this.canvas),this.bar=el("spa\
n",{class:"daam-legend-bar"}),this.bar.style.backgroundImage=gradient(COLORS),this.select=el("select",{class:"daam-select","aria-label":"Scale of the difference",
"data-testid":"pair-scale"},el("option",{value:"own",text:"of each peak"}),el("option",{value:"common",text:"in their unit"})),this.select.addEventListener("cha\
nge",()=>a.input("difference_scale",()=>a.state.set({difference_scale:this.select.value}))),this.said=el("p",{class:"daam-hint","data-testid":"difference-said"}),
this.iou=el("dd",{"data-testid":"pair-iou"}),this.element=el("div",{class:"daam-image daam-difference"},el("p",{class:"daam-side-title",text:"A − B"}),this.frame,
el("div",{class:"daam-legend"},el("span",{text:"B more"}),this.bar,el("span",{text:"A more"})),el("div",{class:"daam-below"},el("dl",{class:"daam-numbers"},el("\
div",{class:"daam-number",title:"Intersection of the masks of A and B over their union"},el("dt",{text:"IoU"}),this.iou)),this.select),this.said)}get scale(){return this.
isOneUnit?this.a.state.get("difference_scale"):"own"}get isOneUnit(){return this.a.state.facts.unit===this.b.state.facts.unit}get isAlike(){let[own,others]=[this.
a,this.b].map(({state})=>state.facts.image??[1,1]);return Math.abs(own[1]*others[0]/(own[0]*others[1])-1)<ALIKE}update(){let{isAlike,isOneUnit}=this,[height,width]=this.
a.state.facts.image??[1,1];this.frame.style.aspectRatio=`${width} / ${height}`,this.select.value=this.scale,this.select.disabled=!isOneUnit;let a=this.a.maps.shown(
0),b=this.b.maps.shown(0);this.frame.hidden=!isAlike,write(this.said,isAlike?isOneUnit?"":"Two units: shares of each peak.":"The images differ in shape, so ther\
e is no difference of the maps."),!(!isAlike||!a||!b)&&(this.#draw(a,b,height/width),this.#numbers(a,b))}#draw(a,b,ratio){let wide=this.frame.clientWidth;if(wide===
0)return;let fieldA=enlarger(a.height,a.width,"pair a"),valuesA=fieldA.enlarge(a.values),valuesB=this.#enlarged(b,fieldA.height,fieldA.width),own=this.scale==="\
own",scales=[a,b].map(({max})=>own&&max>0?1/max:1),most2=0,ends=[{at:0,value:0},{at:0,value:0}];for(let i=0;i<valuesA.length;i++){let value=valuesA[i]*scales[0]-
valuesB[i]*scales[1];value>ends[0].value&&(ends[0]={at:i,value}),-value>ends[1].value&&(ends[1]={at:i,value:-value}),most2=Math.max(most2,Math.abs(value))}this.
heat.fit(fieldA.width,fieldA.height);let table=palette(COLORS);paintDifference(valuesA,scales[0],valuesB,scales[1],most2||1,table,this.heat.pixels),this.heat.show();
let{canvas}=this,across=Math.round(wide*this.a.scope.dots),down=Math.round(across*ratio);(canvas.width!==across||canvas.height!==down)&&(canvas.width=across,canvas.
height=down);let pen3=canvas.getContext("2d");pen3.imageSmoothingEnabled=!this.a.state.get("cells"),pen3.drawImage(this.heat.canvas,0,0,across,down);let places=ends.
map(({at,value})=>{let x=(at%fieldA.width+.5)/fieldA.width,y=(Math.floor(at/fieldA.width)+.5)/fieldA.height;return{x,y,value}});places.forEach(({x,y,value},side)=>{
value>0&&sign(pen3,x*across,y*down,side===0,this.a.scope.dots)});let told=places.map(({x,y,value},side)=>value>0?`${"AB"[side]} is higher most at ${percent(x)} \
from the left, ${percent(y)} from the top.`:"");attribute(canvas,"aria-label",`Difference of the maps of A and B. ${most2>0?told.join(" "):"They are equal every\
where."}`)}#enlarged(b,height,width){let field2=enlarger(b.height,b.width,"pair b");if(field2.height===height&&field2.width===width)return field2.enlarge(b.values);
let{raiser:raiser2}=this,used=raiser2&&raiser2.from[0]===b.height&&raiser2.from[1]===b.width&&raiser2.height===height&&raiser2.width===width?raiser2:new Raiser(
b.height,b.width,height,width);return this.raiser=used,used.raise(b.values)}#numbers(a,b){if(a.values.length!==b.values.length){write(this.iou,"–");return}let threshold=this.
a.state.get("threshold"),[own,others]=[a,b].map(({max})=>levelOf(max,threshold));overlap(a.values,own,b.values,others,this.overlap),write(this.iou,this.overlap.
iou.toFixed(2))}},percent=share3=>`${Math.round(100*share3)} %`;function sign(pen3,x,y,isPlus,dots){let arm=6*dots;pen3.beginPath(),pen3.moveTo(x-arm,y),pen3.lineTo(
x+arm,y),isPlus&&(pen3.moveTo(x,y-arm),pen3.lineTo(x,y+arm));for(let[width,color]of[[5,"#000"],[2,"#fff"]])pen3.lineWidth=width*dots,pen3.strokeStyle=color,pen3.
stroke()}function measuresOf({state}){return state.facts.measures??[]}function measureOf(scope,name){return measuresOf(scope).find(measure=>measure.name===name)}function valuesOf(scope,name,tiles){
let measure=measureOf(scope,name);if(!measure)return null;let{source}=scope;if(measure.of==="tile")return tiles?.[name]??null;if(measure.of==="model"||measure.of===
"word")return source.memory.measures.get(measureKey(scope,name))?.values??null;let overlap2=overlapOf(scope,tiles);if(!overlap2)return null;if(name==="overlap")
return overlap2.values;let{chance}=overlap2;return overlap2.values.map(row=>row.map(value=>value===null||!(chance>0)?null:value/chance))}function measureKey(scope,name){
return measureOf(scope,name)?.of==="model"?name:`${name} ${scope.maps.tilesKey}`}function shareKey({maps,state}){let region=state.get("region");return region?.length>
0?overlapKey(maps.tilesKey,JSON.stringify(region)):overlapKey(maps.exactKey(0),state.get("threshold"))}function overlapOf(scope,tiles){let{maps,source,state}=scope,
overlap2=source.memory.overlaps.get(shareKey(scope));if(overlap2&&(!tiles||tiles.key===maps.tilesKey))return overlap2;if(!tiles)return null;let{hover}=maps;maps.
hover=null;let shown=maps.shown(0);maps.hover=hover;let region=state.get("region");if(!shown&&!(region?.length>0))return null;let[height,width]=shown?[shown.height,
shown.width]:state.facts.grid;return overlapsOf(tiles,shown??{values:[],height,width,max:0},{threshold:state.get("threshold"),region:region?.length>0?region:null})}
function rangeOf(values,counts){let[low,high]=[1/0,-1/0];return values.forEach((row,r)=>{if(counts(r))for(let value of row)value!==null&&(value<low&&(low=value),
value>high&&(high=value))}),low<=high?[low,high]:[0,0]}function ranked(values,heads,lowFirst){let all=heads.flatMap((count,row)=>Array.from({length:count},(_,column)=>({
row,column}))),sign2=lowFirst?1:-1,by=({row,column})=>{let value=values?.[row]?.[column]??null;return value===null?1/0:sign2*value},keys=new Map(all.map(place=>[
place,by(place)]));return all.sort((p,q)=>{let[a,b]=[keys.get(p)??0,keys.get(q)??0];return a===b?0:a-b})}function orderOf(scope){let{maps,source,state}=scope,sort=state.
get("tile_sort"),tiles=maps.tiles();if(sort==="network"||!tiles)return null;let heads=state.facts.layers.map(layer=>layer.heads);if(sort==="likeness"){let order=source.
memory.orders.get(tiles.key),all=ranked(null,heads,!1);return order?.length===all.length?order.map(i=>all[i]):null}let values=valuesOf(scope,sort,tiles);return values&&
ranked(values,heads,measureOf(scope,sort)?.low_first??!1)}var AT_ONCE=6,AtlasWants=class{constructor(scope,closer){this.scope=scope,this.closer=closer,this.absent=new Set,this.asker=new Asker(scope.source,question=>this.#answered(
question)),this.asked=[]}get lacking(){return this.#measures().length>0}update(){let{state}=this.scope,still=!state.moving&&!state.get("playing"),[first]=still?
[...this.#measures(),...this.#closer()]:[];this.asked=first?.keys??[],this.asker.want(first?.question??null)}#measures(){let{scope}=this,{maps,source,state}=scope,
{memory}=source;if(state.get("tile_axes")!=="heads")return[];if(!memory.tileSets.get(maps.tilesKey))return[];let wants=[],put=(key,name,at)=>{this.absent.has(key)||
wants.push({keys:[key],question:{want:[name],sel:state.sel,...at?{at}:{}}})};for(let name of new Set([state.get("tile_measure"),state.get("tile_sort")])){name===
"likeness"&&!memory.orders.get(maps.tilesKey)&&put(`likeness ${maps.tilesKey}`,"likeness",null);let of=measureOf(scope,name)?.of;if(of==="mask"&&!memory.overlaps.
get(shareKey(scope))){let region=state.get("region");put(shareKey(scope),"overlap",region?.length>0?{within:region}:null)}(of==="model"||of==="word")&&!memory.measures.
get(measureKey(scope,name))&&put(measureKey(scope,name),"measure",{measure:name})}return wants}#closer(){let{maps,source,state}=this.scope,tiles=source.memory.tileSets.
get(maps.tilesKey),{layers,side}=this.closer();if(!tiles||side===0)return[];let wanted=side>32?64:32,lacking=layers.filter(layer=>{let most2=Math.min(wanted,Math.
max(...state.facts.layers[layer].size)),[here]=source.memory.layerTiles.get(`${tiles.key} ${layer}`)?.tile??tiles.tile[layer],key=`${tiles.key} ${layer} ${wanted}`;
return Math.max(...tiles.tile[layer])<most2&&here<most2&&!this.absent.has(key)});if(lacking.length===0)return[];let some=lacking.slice(0,AT_ONCE),question={want:[
"layer_tiles"],sel:state.sel,at:{layers:some,side:wanted}};return[{keys:some.map(layer=>`${tiles.key} ${layer} ${wanted}`),question}]}#answered(question){let text=JSON.
stringify(question),[first]=[...this.#measures(),...this.#closer()];if(first&&JSON.stringify(first.question)===text)for(let key of first.keys)this.absent.add(key);
this.scope.invalidate(GRID)}forget(){this.absent.clear(),this.asker.retry()}destroy(){this.asker.destroy()}};function shortBlock(block2){return block2.replace(/_blocks?\b/g,"").replace(/[._]+/g," ").trim()}function rowsOf(facts){return facts.layers.map(({label,block:block2,
stage,size,heads},i)=>{let short3=shortBlock(block2),name=(label.startsWith(short3)?label.slice(short3.length):label).replace(/^[ ·]+/,"");return{label:name.length>
8?String(i):name,block:short3,stage,size:size.join("×"),columns:heads,layer:i}})}var HeadAxes=class{constructor(scope,chooser){this.scope=scope,this.chooser=chooser,this.name="heads",this.rows=[],this.within=new Set,this.pairs=new Set}read(){
let{state}=this.scope;this.rows=rowsOf(state.facts),this.within=new Set(state.layers),this.pairs=new Set(pairsIn(state.chosen.head).map(pair2=>String(pair2)))}get all(){
return this.scope.state.facts.layers.some(layer=>layer.heads>1)}tiles(){return this.scope.maps.tiles()}values(){return valuesOf(this.scope,this.measure,this.tiles())}get measure(){
return this.scope.state.get("tile_measure")}order(){return orderOf(this.scope)}isOut(row){return!this.within.has(row)}isChosen(row,column){return this.pairs.size>
0?this.pairs.has(String([row,column])):row>=0&&holds(this.scope.state.chosen,row,column)}isRow(row){let{chosen}=this.scope.state;return row===chosen.layer||pairsIn(
chosen.head).some(([layer])=>layer===row)}isColumn(column){let{chosen}=this.scope.state;return column>=0&&chosen.layer<0&&holds(chosen,-2,column)}columnName(column){
return column<0?"all":String(column)}describe(row,column){if(row<0)return column<0?"All heads of all layers":`Head ${column} of every layer`;let{label,size}=this.
scope.state.facts.layers[row];return`${label} (${size.join("×")}), ${column<0?"all heads":`head ${column}`}`}shortly(column){return this.columnName(column)}hover(row,column){
let{layer,head}=this.scope.state.chosen;return row===layer&&column===head?null:{layers:[row],head:column}}choose(row,column,more){this.chooser.choose(row,column,
more)}block(row,more){this.chooser.block(this.rows,row,more)}encircled(tiles,more){let{facts}=this.scope.state,pairs=tiles.flatMap(({row,column})=>column<0?headsOf(
facts,row):[[row,column]]);pairs.length>0&&this.chooser.add(pairs,more)}},StepAxes=class{constructor(scope){this.scope=scope,this.name="steps",this.rows=[],this.
within=new Set,this.count=1,this.ofHeads=!1,this.narrowed=!1}read(){let{state}=this.scope,{layer,head}=state.chosen,numbers2=numbersIn(head),pairs=pairsIn(head).
map(([of])=>of);this.count=state.facts.summed?1:Math.max(1,state.facts.steps?.length??1),this.narrowed=head!==-1,this.ofHeads=pairs.length>0||layer>=0&&numbers2.
length>0;let has=(of,heads)=>pairs.length>0?pairs.includes(of):this.ofHeads?of===layer:numbers2.length===0||numbers2.some(number=>number<heads);this.rows=rowsOf(
state.facts).filter(row=>has(row.layer,row.columns)).map(row=>({...row,columns:this.count})),this.within=new Set(this.ofHeads?this.rows.map(row=>row.layer):state.
layers)}get all(){return this.count>1}tiles(){let tiles=this.scope.maps.stepTiles();return tiles?.layers?.length===this.rows.length&&tiles.lo===0&&tiles.hi===this.
count?tiles:null}values(){return valuesOf(this.scope,this.measure,this.tiles())}get measure(){let name=this.scope.state.get("tile_measure");return measureOf(this.
scope,name)?.of==="tile"?name:"mean"}order(){return this.rows.length!==1?null:Array.from({length:this.count},(_,column)=>({row:0,column}))}isOut(row){return!this.
within.has(this.rows[row]?.layer)}get whole(){let[lo,hi]=this.scope.state.steps;return lo===0&&hi===this.count}isChosen(row,column){if(row<0)return!1;let own=this.
rows[row].layer===this.scope.state.chosen.layer;return column<0?own&&this.whole:(own||this.narrowed)&&this.isColumn(column)}isRow(row){return this.ofHeads||this.
rows[row].layer===this.scope.state.chosen.layer}isColumn(column){let[lo,hi]=this.scope.state.steps;return!this.whole&&column>=lo&&column<hi}columnName(column){return column<
0?"all":String(this.scope.state.facts.steps?.[column]?.place??column)}describe(row,column){let name=this.columnName(column);if(row<0)return column<0?"All steps \
of all layers":`Step ${name} of every layer`;let{label,size}=this.scope.state.facts.layers[this.rows[row].layer];return`${label} (${size.join("×")}), ${column<
0?"all steps":`step ${name}`}`}shortly(column){return column<0?"all steps":`step ${this.columnName(column)}`}hover(row,column){return{layers:[this.rows[row].layer],
head:-1,step:column}}choose(row,column,more){let{state,maps,invalidate}=this.scope,[lo,hi]=state.steps,of=row<0||this.narrowed?null:this.rows[row].layer,same4=(of===
null||of===state.chosen.layer)&&(column<0?this.whole:!this.whole&&lo===column&&hi===column+1),all=state.stepsAt(0,this.count),steps=column<0?all:state.stepsAt(column,
column+1);more&&column>=0&&!this.whole?steps=state.stepsAt(Math.min(lo,column),Math.max(hi,column+1)):same4&&(steps=all);let layer=of===null?{}:{layer:same4&&!more?
-1:of};maps.hover=null,state.set({...layer,...steps}),invalidate(MAP|SELECTION|STEPS)}block(){}encircled(tiles){let columns2=tiles.map(({column})=>column).filter(
column=>column>=0);columns2.length!==0&&(this.scope.maps.hover=null,this.scope.state.set(this.scope.state.stepsAt(Math.min(...columns2),Math.max(...columns2)+1)),
this.scope.invalidate(MAP|SELECTION|STEPS))}};var HIDDEN={colormap:({maps})=>maps.comparing,follow_step:({state})=>!state.facts.strip,view:({maps})=>!maps.comparing,difference_scale:({maps,state})=>!maps.comparing||
state.get("view")!=="difference"};function inputsOf(scope,panel){let rows2=Object.entries(controls_data_default).filter(([,control])=>control.panel===panel);return Object.
fromEntries(rows2.map(([name,control])=>[name,input(scope,name,control)]))}function input(scope,name,control){let{label,show:show2}=make(scope,name,control),hidden=HIDDEN[name];
return hidden?{label,show:()=>{show2(),label.hidden=hidden(scope)}}:{label,show:show2}}function make(scope,name,control){if(control.kind==="Share")return slider(
scope,name,control);if(control.kind==="Flag")return toggle(scope,name,control);if(control.kind==="OneOf")return list(scope,name,control);throw new Error(`There \
is no input for the control ${name} of kind ${control.kind}.`)}function slider({state,input:timed},name,{label:text,title}){let range2=el("input",{type:"range",
min:"0",max:"1",step:"0.01",class:"daam-range","data-testid":testId(name),"aria-label":text}),value=el("output",{class:"daam-value"});return range2.addEventListener(
"input",()=>timed(name,()=>state.set({[name]:Number(range2.value)},"soon"))),range2.addEventListener("change",()=>state.set({},"now")),{label:field({class:"daam\
-field",title},el("span",{text}),range2,value),show:()=>{let now=Number(state.get(name));Number(range2.value)!==now&&(range2.value=String(now)),range2.style.setProperty(
"--daam-part",`${100*now}%`),write(value,now.toFixed(2))}}}function toggle({state,input:timed},name,{label:text,title}){let box=el("input",{type:"checkbox",class:"\
daam-check",role:"switch","data-testid":testId(name)});return box.addEventListener("change",()=>timed(name,()=>state.set({[name]:box.checked}))),{label:field({class:"\
daam-field daam-switch",title},box,el("span",{text})),show:()=>{box.checked=!!state.get(name)}}}function list({state,input:timed},name,{label:text,title,panel,options=[]}){
let select=el("select",{class:"daam-select","data-testid":testId(name)});for(let[value,read2]of options)select.append(el("option",{value,text:read2}));select.addEventListener(
"change",()=>timed(name,()=>state.set({[name]:select.value})));let named=el("span",{class:panel==="look"||panel==="more"?null:"daam-hidden",text});return{label:field(
{class:"daam-field",title},named,select),show:()=>{let now=String(state.get(name));[...select.options].some(option=>option.value===now)||select.append(el("optio\
n",{value:now,text:now})),select.value=now}}}function testId(name){return`control-${name}`}function field(attributes,...children){let{title,...others}=attributes;
return el("label",title?{...others,title}:others,...children)}var Bar=class{constructor(scope){this.scope=scope;let{state}=scope;this.choice=this.#select("choice","Layers","The layers that make the map where none is chosen"),
this.measure=this.#select("control-tile_measure","Measure","What is said of each head, and colors the tiles where they are small"),this.order=this.#select("cont\
rol-tile_sort","Order","The order of the tiles");let listen=(select,chosen)=>select.addEventListener("change",()=>scope.input(select.dataset.testid??"",()=>state.
set(chosen(select.value))));listen(this.choice,choice=>({choice})),listen(this.measure,name=>state.get("tile_sort")===state.get("tile_measure")?{tile_measure:name,
tile_sort:name}:{tile_measure:name}),listen(this.order,name=>measureOf(scope,name)?{tile_sort:name,tile_measure:name}:{tile_sort:name}),this.inputs=inputsOf(scope,
"tiles"),this.built="",this.title=el("h3",{class:"daam-title"}),this.axes=["heads","steps"].map(name=>{let text=name[0].toUpperCase()+name.slice(1),button=el("b\
utton",{class:"daam-button",type:"button",text,"data-testid":`axes-${name}`,title:name==="heads"?"A tile for each head":"Each layer at every step"});return button.
addEventListener("click",()=>scope.input("tile_axes",()=>state.set({tile_axes:name}))),{name,button}});let buttons=this.axes.map(({button})=>button);this.columns=
el("div",{class:"daam-group",role:"group","aria-label":"Columns of the tiles"},...buttons),this.heading=el("div",{class:"daam-atlas-heading"},this.title,this.columns);
let labels=Object.values(this.inputs).map(({label})=>label),fields=[this.choice,this.measure,this.order].map(select=>el("label",{class:"daam-field",title:select.
title},select));this.ordered=fields[2],this.element=el("div",{class:"daam-title-row daam-atlas-bar"},this.heading,el("div",{class:"daam-selects"},...fields,el("\
details",{class:"daam-atlas-more"},el("summary",{class:"daam-button","data-testid":"atlas-more",title:"How the tiles are drawn",text:"Tiles"}),el("div",{class:"\
daam-atlas-options"},...labels))))}#select(id,name,title){return el("select",{class:"daam-select","data-testid":id,"aria-label":name,title})}update(what,measure){
if(!(what&(GRID|SELECTION)))return;let{state}=this.scope,{choices,layers}=state.facts,ofSteps=state.get("tile_axes")==="steps",measures=measuresOf(this.scope).filter(
({of})=>!ofSteps||of==="tile"),built=JSON.stringify([choices,measures]);if(this.built!==built){this.built=built;let option=(value,text,title="")=>el("option",{value,
text,title:title||null});this.choice.replaceChildren(...Object.entries(choices??{}).map(([name,{length}])=>option(name,`${name} ${length}/${layers.length}`))),this.
measure.replaceChildren(...measures.map(({name,label,about})=>option(name,label,about))),this.order.replaceChildren(option("network","by network"),option("liken\
ess","by likeness"),...measures.map(({name,label,about})=>option(name,`by ${label}`,about)))}let axes=state.get("tile_axes");this.columns.hidden=axes==="heads"&&
state.count<2,write(this.title,this.columns.hidden?"Layers × heads":"Layers ×");for(let{name,button}of this.axes)attribute(button,"aria-pressed",String(name===
axes));this.ordered.hidden=axes==="steps",this.choice.value=state.get("choice"),this.measure.value=measure,this.order.value=state.get("tile_sort");for(let{show:show2}of Object.
values(this.inputs))show2()}},Foot=class{constructor({zoom,fit,tool}){this.lassoing=!1,this.adding=!1,this.readout=el("p",{class:"daam-atlas-readout","data-test\
id":"atlas-readout"}),this.scale=el("span",{class:"daam-atlas-scale","aria-hidden":"true"}),this.low=el("span",{}),this.high=el("span",{}),this.legend=el("span",
{class:"daam-atlas-legend","data-testid":"atlas-legend"},this.low,this.scale,this.high);let button=(id,label,shown,does)=>el("button",{type:"button",class:"daam\
-button daam-square","data-testid":id,"aria-label":label,title:label,on:{click:does}},shown);this.lasso=button("atlas-lasso","Draw around tiles to choose them",
icon("lasso"),()=>{this.lassoing=!this.lassoing,attribute(this.lasso,"aria-pressed",String(this.lassoing)),tool()}),this.add=button("atlas-add","Add tiles to th\
ose chosen, one after the other","∪",()=>{this.adding=!this.adding,attribute(this.add,"aria-pressed",String(this.adding)),tool()});for(let toggle3 of[this.lasso,
this.add])toggle3.setAttribute("aria-pressed","false");this.out=button("atlas-out","Farther (-)","−",()=>zoom(1/1.5)),this.fit=button("atlas-fit","All tiles (\
0)","⤢",fit),this.near=button("atlas-in","Nearer (+)","+",()=>zoom(1.5)),this.buttons=el("div",{class:"daam-atlas-buttons"},this.lasso,this.add,this.out,this.
fit,this.near),this.element=el("div",{class:"daam-atlas-foot"},el("div",{class:"daam-atlas-said"},this.readout,this.legend),this.buttons)}write(text,legend){write(
this.readout,text),this.legend.hidden=legend===null,legend&&(write(this.low,legend.low),write(this.high,legend.high),this.scale.style.backgroundImage=gradient(legend.
colors))}};var Chooser=class{constructor(scope){this.scope=scope}choose(row,column,more){let{state}=this.scope,{layer,head}=state.chosen;if(more&&row<0&&column>=0)this.#set(
withColumn(state.facts,state.layers,state.chosen,column));else if(more&&row>=0){let heads=column<0?headsOf(state.facts,row):[[row,column]];this.#set(withHeads(state.
facts,state.layers,state.chosen,heads))}else{let same4=layer===row&&head===column;this.#set({...same4?{layer:-1,head:-1}:{layer:row,head:column},heads:[]})}}block(rows2,row,more){
let own=rows2.flatMap(({block:block2},i)=>block2===rows2[row].block?[i]:[]),{facts}=this.scope.state;this.add(own.flatMap(i=>headsOf(facts,i)),more)}add(pairs,more){
let{state}=this.scope;this.#set(withSet(state.facts,state.layers,state.chosen,pairs,more))}#set(choice){let{state,maps}=this.scope;maps.hover=null,state.set(choice),
this.scope.invalidate(MAP|SELECTION)}};function planOf(rows2,room){let best=null;for(let panels=1;panels<=Math.min(6,rows2.length);panels++){let even=sized(rows2,evenEnds(rows2.length,panels),room),whole=sized(
rows2,blockEnds(rows2,panels),room),own=whole.tile*1.12>=even.tile?whole:even;(!best||own.tile>best.tile*1.12)&&(best=own)}return placed(rows2,best,room)}function sized(rows2,ends,{
width,height,aspect,names,all}){let columns2=ends.map((end,p)=>Math.max(1,...rows2.slice(ends[p-1]??0,end).map(row=>row.columns))),most2=Math.max(...ends.map((end,p)=>end-
(ends[p-1]??0))),across=columns2.reduce((sum,count)=>sum+count+(all?1:0),0),used=ends.length*gutter(names)+(ends.length-1)*12+ends.length*apart(all),tile=Math.min(
150,(width-used)/across,150*aspect,aspect*(height-15)/most2);return{ends,columns:columns2,tile:Math.max(2,tile)}}function gutter(names){return 15+names+4}function apart(all){
return all?4:0}function evenEnds(count,panels){return Array.from({length:panels},(_,p)=>Math.round((p+1)*count/panels))}function blockEnds(rows2,panels){let ends=rows2.
flatMap((row,i)=>i&&row.block!==rows2[i-1].block?[i]:[]),nearest=evenEnds(rows2.length,panels).slice(0,-1).map(even=>ends.reduce((best,end)=>Math.abs(end-even)<
Math.abs(best-even)?end:best,even*9));return[...[...new Set(nearest.filter(end=>end<rows2.length))].sort((a,b)=>a-b),rows2.length]}function placed(rows2,{ends,columns:columns2,
tile},{aspect,names,all}){let first=all?-1:0,heads=rows2.reduce((sum,row)=>sum+row.columns-first,0),plan=empty(heads+columns2.reduce((sum,count)=>sum+count-first,
0)),high=tile/aspect;plan.tile=[tile,high],plan.gutter=gutter(names);let left=0,n=0,put=(...place)=>fill2(plan,n++,place);return ends.forEach((end,p)=>{let from=ends[p-
1]??0,x=left+gutter(names),at=column=>x+(column<0?0:(column-first)*tile+apart(all));for(let column=first;column<columns2[p];column++)put(-1,column,at(column),0,
tile,15);for(let r=from;r<end;r++){let y=15+(r-from)*high;for(let column=first;column<rows2[r].columns;column++)put(r,column,at(column),y,tile,high)}plan.panels.
push({first:from,end,columns:columns2[p],x,y:15,left}),left=at(columns2[p]-1)+tile+12,plan.height=Math.max(plan.height,15+(end-from)*high)}),plan.width=left-12,
plan}function rankedPlan(order,{width,height,aspect}){let count=order.length,across=Math.max(1,Math.ceil(width/(150*Math.max(1,aspect)))),fits=n=>Math.ceil(count/
n)*width/n/aspect<=height;for(;across<count&&!fits(across);)across++;let tile=width/across,plan=empty(count);return plan.ranked=!0,plan.tile=[tile,tile/aspect],
order.forEach(({row,column},i)=>{let[x,y]=[i%across*tile,Math.floor(i/across)*tile/aspect];fill2(plan,i,[row,column,x,y,tile,tile/aspect])}),plan.width=Math.min(
count,across)*tile,plan.height=Math.ceil(count/across)*tile/aspect,plan}function empty(count){let floats=()=>new Float32Array(count);return{count,row:new Int16Array(
count),column:new Int16Array(count),x:floats(),y:floats(),w:floats(),h:floats(),tile:[1,1],panels:[],width:0,height:0,gutter:0,ranked:!1}}function fill2(plan,n,[
row,column,x,y,w,h]){plan.row[n]=row,plan.column[n]=column,plan.x[n]=x,plan.y[n]=y,plan.w[n]=w,plan.h[n]=h}function indexOf(plan,row,column){for(let i=0;i<plan.
count;i++)if(plan.row[i]===row&&plan.column[i]===column)return i;return-1}function tileAt(plan,x,y){for(let i=0;i<plan.count;i++){if(plan.row[i]<0)continue;let[
dx,dy]=[x-plan.x[i],y-plan.y[i]];if(dx>=0&&dy>=0&&dx<plan.w[i]&&dy<plan.h[i])return i}return-1}function nextTile(plan,from,dx,dy){let best=-1,least2=1/0,middle=i=>[
plan.x[i]+plan.w[i]/2,plan.y[i]+plan.h[i]/2],[x,y]=middle(from);for(let i=0;i<plan.count;i++){let[mx,my]=middle(i),along=(mx-x)*dx+(my-y)*dy,aside=Math.abs((mx-
x)*dy)+Math.abs((my-y)*dx);along<=.5||aside>.6*plan.tile[dx?1:0]||along+3*aside<least2&&(least2=along+3*aside,best=i)}return best}function lineEnd(plan,from,way){
for(let i=from;;){let next=nextTile(plan,i,way,0);if(next<0)return i;i=next}}function everyOf(count,step,needed){for(let every of[1,2,5,10,20,50])if(every*step>=
needed)return every;return Math.max(100,count)}function describe(axes,row,column,values){let name=axes.describe(row,column),measure=measureOf(axes.scope,axes.measure);if(row<0||column<0||!measure||!values)return name;
let value=values[row]?.[column]??null;return`${name}: ${measure.label} ${value===null?"not known":short2(value)}`}function captions(axes,row,column,values){let{
label}=axes.scope.state.facts.layers[axes.rows[row].layer],value=values?.[row]?.[column],number=value==null?"":short2(value),name=axes.shortly(column),both=axes.
rows.length>1||axes.name==="heads"?`${label}, ${name}`:name;return[`${both}: ${number}`,both,number,axes.columnName(column)].filter(Boolean)}function exposed(atlas){
return{place:(row,column)=>{let{plan,zoom}=atlas,i=plan?indexOf(plan,row,column):-1;return!plan||i<0?null:{x:zoom.k*plan.x[i]+zoom.x,y:zoom.k*plan.y[i]+zoom.y,width:zoom.
k*plan.w[i],height:zoom.k*plan.h[i],chosen:!!atlas.chosen[i]}},seen:()=>{let{plan,zoom,room}=atlas;if(!plan)return null;let places=Array.from({length:plan.count},
(_,i)=>[plan.row[i],plan.column[i]]);return{tiles:places.filter(([row])=>row>=0),chosen:places.filter((_,i)=>atlas.chosen[i]),active:places[atlas.active],maps:atlas.
showsMaps,tile:plan.tile.map(side=>side*zoom.k),zoom:zoom.k,room,size:[plan.width,plan.height],panels:plan.panels.length,drawn:atlas.drawn,values:atlas.values,range:atlas.
range}},go:(row,column)=>atlas.plan&&atlas.go(indexOf(atlas.plan,row,column)),draw:()=>atlas.draw()}}var FADED2=.5,strings=new Map;function cssColors(name){let list2=strings.get(name);return list2||(list2=Array.from(palette(name),c=>`rgb(${c&255} ${c>>8&255} ${c>>
16&255})`),strings.set(name,list2)),list2}function drawTiles(context,dots,plan,zoom,room,look){let{maps,values,style,first}=look,[low,high]=look.range,factor=high>
low?255/(high-low):0,[colors,gray]=[cssColors(look.colors),cssColors("gray")],[tile,tall]=[plan.tile[0]*zoom.k,plan.tile[1]*zoom.k],gap=gapOf(Math.min(tile,tall))*
dots,drawn2=0;context.setTransform(1,0,0,1,0,0),context.clearRect(0,0,context.canvas.width,context.canvas.height);for(let i=0;i<plan.count;i++){let row=plan.row[i];
if(row<0)continue;let x=zoom.k*plan.x[i]+zoom.x,y=zoom.k*plan.y[i]+zoom.y;if(x>room.width||y>room.height||x+tile<0||y+tall<0)continue;drawn2++;let left=Math.round(
x*dots),top=Math.round(y*dots),wide=Math.max(1,Math.round((x+tile)*dots)-left-gap),high2=Math.max(1,Math.round((y+tall)*dots)-top-gap),out=look.isOut(row);context.
globalAlpha=out?FADED2:1;let column=plan.column[i],at=maps?look.sheet(row):null;if(at){let{sheet}=at;context.imageSmoothingEnabled=wide<2*sheet.width,context.drawImage(
sheet.canvas,(column-first)*sheet.width,at.row*sheet.height,sheet.width,sheet.height,left,top,wide,high2);continue}let value=column<0?null:values?.[row]?.[column]??
null;if(value===null){context.fillStyle=column<0||!values?style.raised:"#8885",context.fillRect(left,top,wide,high2),column<0&&values&&ticks(context,values[row],
low,high,left,top,wide,high2,style.ink);continue}let place=factor>0?(value-low)*factor+.5|0:128;context.fillStyle=(out?gray:colors)[place<0?0:place>255?255:place],
context.fillRect(left,top,wide,high2)}return context.globalAlpha=1,drawn2}function ticks(context,values,low,high,left,top,wide,tall,ink){let alpha=context.globalAlpha;
context.fillStyle=ink,context.globalAlpha=.55*alpha;for(let value of values){if(value===null)continue;let share3=high>low?(value-low)/(high-low):.5;context.fillRect(
left+Math.round(share3*(wide-1)),top+1,1,Math.max(1,tall-2))}context.globalAlpha=alpha}function gapOf(tile){return tile<4?0:tile<22?1:tile<60?2:3}function drawMarks(context,plan,zoom,{
chosen,pointed,active},style){let frame=(i,color,line2)=>{let gap=plan.row[i]<0?0:gapOf(Math.min(...plan.tile)*zoom.k);context.strokeStyle=color,context.lineWidth=
line2,context.strokeRect(zoom.k*plan.x[i]+zoom.x-line2/4,zoom.k*plan.y[i]+zoom.y-line2/4,zoom.k*plan.w[i]-gap+line2/2,zoom.k*plan.h[i]-gap+line2/2)},line=plan.tile[0]*
zoom.k<14?1.5:2.5;for(let i=0;i<plan.count;i++)!chosen[i]||plan.row[i]<0||(frame(i,style.paper,line+2),frame(i,style.chosen,line));pointed>=0&&frame(pointed,style.
ink,1.5),active>=0&&active<plan.count&&(frame(active,style.paper,4),frame(active,style.ink,2))}function drawLasso(context,line,style){if(!(line.length<4)){context.
beginPath(),context.moveTo(line[0],line[1]);for(let i=2;i<line.length;i+=2)context.lineTo(line[i],line[i+1]);context.closePath(),context.strokeStyle=style.paper,
context.lineWidth=4,context.stroke(),context.strokeStyle=style.chosen,context.lineWidth=1.5,context.stroke()}}function drawCaptions(context,plan,zoom,room,texts,style){
let[tile,tall]=[plan.tile[0]*zoom.k,plan.tile[1]*zoom.k],high=style.size+5;if(!(tall<3.2*high||tile<40)){context.font=`${style.size}px ${style.family}`,context.
textBaseline="middle",context.textAlign="left";for(let i=0;i<plan.count;i++){if(plan.row[i]<0)continue;let x=zoom.k*plan.x[i]+zoom.x,y=zoom.k*plan.y[i]+zoom.y;if(x>
room.width||y>room.height||x+tile<0||y+tall<0)continue;let wide=tile-gapOf(tile),text=texts(plan.row[i],plan.column[i]).find(one=>context.measureText(one).width<=
wide-6);if(!text)continue;let top=y+tall-gapOf(tile)-high;context.globalAlpha=.82,context.fillStyle=style.paper,context.fillRect(x,top,Math.min(wide,context.measureText(
text).width+6),high),context.globalAlpha=1,context.fillStyle=style.ink,context.fillText(text,x+3,top+high/2)}}}var Hand=class{constructor(target,handled){this.target=target,this.handled=handled,this.held=null,this.fingers=null;let on=(name,does,passive=!0)=>target.addEventListener(
name,does,{passive});on("pointerdown",event=>this.#down(event)),on("pointermove",event=>this.#move(event)),on("pointerup",event=>this.#up(event)),on("pointercan\
cel",()=>this.#cancel()),on("pointerleave",()=>{this.held||handled.leave()}),on("wheel",event=>this.#wheel(event),!1),on("touchstart",event=>this.#touch(event),
!1),on("touchmove",event=>this.#pinch(event),!1),on("touchend",event=>this.#touch(event),!1)}#place({clientX,clientY}){let{left,top}=this.target.getBoundingClientRect();
return[clientX-left,clientY-top]}#down(event){if(event.button!==0||this.fingers)return;let[x,y]=this.#place(event),line=event.shiftKey||this.handled.lassoing()?
[x,y]:null;this.held={x,y,moved:!1,line,at:[x,y]},event.pointerId>=0&&event.isTrusted&&this.target.setPointerCapture(event.pointerId)}#move(event){let[x,y]=this.#place(
event),{held,handled}=this;if(!held){event.pointerType!=="touch"&&handled.point(x,y);return}!held.moved&&Math.hypot(x-held.x,y-held.y)<4||(held.moved=!0,held.line?
(held.line.push(x,y),handled.lasso(held.line,null)):handled.pan(x-held.at[0],y-held.at[1]),held.at=[x,y])}#up(event){let{held,handled}=this;if(this.held=null,!held)
return;let keys={shift:event.shiftKey,more:event.ctrlKey||event.metaKey};held.moved&&held.line?handled.lasso(held.line,keys):held.moved||handled.press(...this.#place(
event),keys)}#cancel(){this.held?.line&&this.handled.lasso([],null),this.held=null}#wheel(event){let scope=this.target.getRootNode();if(!event.ctrlKey&&scope.activeElement!==
this.target)return;let lines=event.deltaMode===1?16:1,factor=Math.exp(-event.deltaY*lines*(event.ctrlKey?.01:.002));(this.handled.zoom(factor,...this.#place(event))||
event.ctrlKey)&&event.preventDefault()}#touch(event){if(event.touches.length!==2){this.fingers=null;return}event.preventDefault(),this.#cancel(),this.fingers=this.#both(
event)}#pinch(event){if(this.held&&(this.held.line||this.handled.magnified())&&event.preventDefault(),!this.fingers||event.touches.length!==2)return;event.preventDefault();
let now=this.#both(event);this.handled.pan(now.x-this.fingers.x,now.y-this.fingers.y),this.handled.zoom(now.apart/Math.max(1,this.fingers.apart),now.x,now.y),this.
fingers=now}#both({touches:[one,two]}){let[a,b]=[this.#place(one),this.#place(two)];return{apart:Math.hypot(a[0]-b[0],a[1]-b[1]),x:(a[0]+b[0])/2,y:(a[1]+b[1])/2}}};var NEARER=1.5;function onKey(atlas,event){let{plan,active,zoom,room}=atlas;if(!plan||event.altKey||event.metaKey)return;let{key}=event,way={ArrowLeft:[-1,0],ArrowRight:[
1,0],ArrowUp:[0,-1],ArrowDown:[0,1]}[key];if(key==="Enter"||key===" "){let more=event.shiftKey||event.ctrlKey||atlas.foot.adding;atlas.scope.input("head",()=>atlas.
axes.choose(plan.row[active],plan.column[active],more))}else if(way){let next=nextTile(plan,active,way[0],way[1]);atlas.go(next<0?active:next)}else if(key==="Ho\
me"||key==="End"){let last=key==="End",first=plan.row.findIndex(row=>row>=0);event.ctrlKey?atlas.go(last?plan.count-1:first):atlas.go(lineEnd(plan,active,last?1:
-1))}else if(key==="+"||key==="="){let x=plan.x[active]+plan.w[active]/2,y=plan.y[active]+plan.h[active]/2;atlas.zoomBy(NEARER,x*zoom.k+zoom.x,y*zoom.k+zoom.y)}else if(key===
"-")atlas.zoomBy(1/NEARER,room.width/2,room.height/2);else if(key==="0")atlas.zoomBy(0,0,0);else return;event.preventDefault()}var PAD=4;function styleOf(element,large){let css=getComputedStyle(element),color=name=>css.getPropertyValue(`--daam-${name}`).trim();return{ink:color("ink"),soft:color(
"soft"),paper:color("paper"),raised:color("raised"),chosen:color("a"),family:css.fontFamily,size:large?14:10}}function pen2(context,{size,family},bold=!1){context.
font=`${bold?"600 ":""}${size}px ${family}`,context.textBaseline="middle"}function widest(context,style,texts){return pen2(context,style,!0),texts.reduce((most2,text)=>Math.
max(most2,context.measureText(text).width),0)}function seen(plan,panel,{k,x,y}){let[w,h]=[plan.tile[0]*k,plan.tile[1]*k],left=k*panel.x+x,top=k*panel.y+y,first=plan.
row.findIndex((row,i)=>row===-1&&plan.x[i]>=panel.x-.01),offset=first>=0&&plan.column[first]===-1?4*k:0,right=left+panel.columns*w+(offset>0?w+offset:0),bottom=top+
(panel.end-panel.first)*h;return{w,h,left,top,right,bottom,offset}}function drawLabels(context,plan,zoom,room,named,style){for(let panel of plan.panels){let place=seen(
plan,panel,zoom);place.right<0||place.left-plan.gutter>room.width||place.bottom<0||(columns(context,plan,panel,place,room,named,style),rows(context,plan,panel,place,
room,named,style))}}function columns(context,plan,panel,place,room,{columnName,isColumn},style){let{left,right,top,w,offset}=place;top<15-.5&&(context.fillStyle=
style.paper,context.fillRect(left,0,right-left,15));let y=Math.max(top-15/2,15/2),first=offset>0?-1:0,at=column=>left+(column<0?0:offset+(column-first)*w)+w/2;pen2(
context,style),context.textAlign="center";let needed=context.measureText(columnName(panel.columns-1)).width+PAD,every=everyOf(panel.columns,w,needed),free=-1/0;
for(let column=first;column<panel.columns;column++){let chosen=isColumn(column);if(column>0&&column%every&&!chosen)continue;let text=columnName(column);pen2(context,
style,chosen);let half=context.measureText(text).width/2,x=Math.max(at(column),plan.gutter*0+half+1);x-half<free||x+half>room.width||at(column)<-w||(free=x+half+
PAD/2,context.fillStyle=chosen?style.chosen:style.soft,context.fillText(text,x,y))}}function rows(context,plan,panel,{left,top,right,h},room,named,style){let edge=Math.
max(left,plan.gutter);if(edge>right)return;left<plan.gutter-.5&&(context.fillStyle=style.paper,context.fillRect(0,Math.max(0,top-15),plan.gutter,room.height));let every=everyOf(
panel.end-panel.first,h,style.size+1),above2=top<15?15:0,at=row=>top+(row-panel.first)*h;context.textAlign="right";let start=panel.first;for(let row=panel.first;row<
panel.end;row++){named.rows[row].block!==named.rows[start].block&&(start=row);let y=at(row)+h/2,chosen=named.isRow(row);(row-start)%every&&!chosen||y<above2+style.
size/2||y>room.height-style.size/2+1||(pen2(context,style,chosen),context.fillStyle=chosen?style.chosen:named.isOut(row)?style.soft:style.ink,context.fillText(named.
rows[row].label,edge-PAD,y))}let band=edge-plan.gutter;for(let from=panel.first;from<panel.end;){let to=from;for(;to<panel.end&&named.rows[to].block===named.rows[from].
block;)to++;block(context,named.rows[from],band,Math.max(at(from),above2),Math.min(at(to),room.height),style),from=to}}function block(context,row,x,top,bottom,style){
let long=bottom-top-2;if(long<3)return;context.fillStyle=style.raised,context.fillRect(x,top+1,13,long),pen2(context,{...style,size:style.size-.5});let text=[`${row.
block} · ${row.size}`,row.block,row.block.replace(/^(\w)\w* ?/,"$1")].find(one=>context.measureText(one).width<=long-2);text&&(context.save(),context.translate(
x+13/2,(top+bottom)/2),context.rotate(-Math.PI/2),context.textAlign="center",context.fillStyle=style.soft,context.fillText(text,0,.5),context.restore())}function labelAt(plan,zoom,x,y){
for(let panel of plan.panels){let{left,right,top,bottom,w,h,offset}=seen(plan,panel,zoom),edge=Math.max(left,plan.gutter),under=Math.max(top,15);if(x>=edge&&x<right&&
y<under&&y>=under-15){if(offset>0&&x<left+w)return{column:-1};let column=Math.floor((x-left-offset)/w)-(offset>0?1:0);if(column>=0&&column<panel.columns)return{
column}}let band=edge-plan.gutter;if(x>=band&&x<edge&&edge<=right&&y>=Math.max(top,0)&&y<bottom){let row=panel.first+Math.floor((y-top)/h);if(row>=panel.first&&
row<panel.end)return x<band+15?{block:row}:{row}}}return null}function encircled(plan,line){let inside=[];for(let i=0;i<plan.count;i++)plan.row[i]<0||holds2(line,plan.x[i]+plan.w[i]/2,plan.y[i]+plan.h[i]/2)&&inside.push(i);
return inside}function holds2(line,x,y){let inside=!1;for(let i=0,j=line.length-2;i<line.length;j=i,i+=2){let[xi,yi,xj,yj]=[line[i],line[i+1],line[j],line[j+1]];
yi>y!=yj>y&&x<(xj-xi)*(y-yi)/(yj-yi)+xi&&(inside=!inside)}return inside}var LONGEST2=60,MOST=50,PARTS=["choice","layer","head","heads","steps"],Saved=class{constructor(scope){this.scope=scope,this.built="",this.list=el("ul",{class:"\
daam-saved-list","data-testid":"saved-list"}),this.name=el("input",{class:"daam-filter",type:"text",maxlength:LONGEST2,placeholder:"Name","aria-label":"Name of \
the present selection","data-testid":"saved-name"});let save2=el("button",{class:"daam-button",type:"submit","data-testid":"saved-save",title:"Keep the layers, \
heads and steps that are chosen now",text:"Save"}),form=el("form",{class:"daam-saved-form"},this.name,save2);form.addEventListener("submit",event=>{event.preventDefault(),
this.#save()}),this.summary=el("summary",{class:"daam-button daam-square","data-testid":"saved","aria-label":"Saved selections",title:"Saved selections of layer\
s, heads and steps"},icon("star")),this.element=el("details",{class:"daam-atlas-more daam-saved"},this.summary,el("div",{class:"daam-atlas-options"},this.list,form)),
this.element.addEventListener("keydown",event=>{event.stopPropagation(),!(event.key!=="Escape"||!this.element.open)&&(this.element.open=!1,this.summary.focus())})}get pairs(){
return this.scope.state.get("saved")??[]}update(what){if(!(what&SELECTION))return;let{state}=this.scope,shown=JSON.stringify(PARTS.map(part=>state.get(part))),built=JSON.
stringify([this.pairs,shown]);if(built===this.built)return;this.built=built;let rows2=this.pairs.map(([name,values])=>{let choose=el("button",{class:"daam-butto\
n daam-saved-choose",type:"button","data-testid":"saved-choose",text:name,on:{click:()=>this.#choose(name,values)}}),same4=JSON.stringify(PARTS.map(part=>values[part]))===
shown;attribute(choose,"aria-pressed",String(same4));let remove=el("button",{class:"daam-button daam-only-icon",type:"button","aria-label":`Delete ${name}`,title:"\
Delete","data-testid":"saved-delete",on:{click:()=>this.#delete(name)}},icon("close"));return el("li",{},choose,remove)}),none=el("li",{class:"daam-hint",text:"\
Layers, heads and steps, kept by name."});this.list.replaceChildren(...rows2.length>0?rows2:[none])}#save(){let name=this.name.value.split(/\s+/).filter(Boolean).
join(" ").slice(0,LONGEST2),{state}=this.scope;if(!name)return this.name.focus(),this.scope.say("A selection needs a name.");let values=Object.fromEntries(PARTS.
map(part=>[part,state.get(part)])),others=this.pairs.filter(([other])=>other!==name);if(others.length>=MOST)return this.scope.say(`At most ${MOST} selections ar\
e kept.`);let replaced=this.pairs.some(([other])=>other===name),pair2=[name,values],pairs=replaced?this.pairs.map(other=>other[0]===name?pair2:other):[...others,
pair2];this.scope.input("saved",()=>state.set({saved:pairs})),this.name.value="",this.scope.say(replaced?`${name} is saved anew.`:`${name} is saved.`)}#choose(name,values){
let{state,maps}=this.scope;maps.hover=null,this.scope.input("saved",()=>state.set(values)),this.scope.invalidate(MAP|SELECTION),this.scope.say(`${name} is chose\
n.`)}#delete(name){let pairs=this.pairs.filter(([other])=>other!==name);this.scope.input("saved",()=>this.scope.state.set({saved:pairs})),this.summary.focus(),this.
scope.say(`${name} is deleted.`)}};var Maps=class{constructor(state,source){this.state=state,this.source=source,this.previews=[null,null],this.added=[null,null],this.hover=null,this.looks=()=>null}get memory(){
return this.source.memory}stackKey(which){let{state}=this,word=state.get(which?"word_b":"word"),{layer,head}=state.chosen;return JSON.stringify([word,state.get(
"choice"),layer,head])}exactKey(which){return JSON.stringify([...JSON.parse(this.stackKey(which)),...this.state.steps])}stack(which){return this.memory.stacks.get(
this.stackKey(which))??null}get tilesKey(){return JSON.stringify([this.state.get("word"),...this.state.steps])}tiles(){let{tileSets}=this.memory,present=tileSets.
get(this.tilesKey);if(present)return present;let word=this.state.get("word");return[...tileSets.kept.values()].filter(({value})=>value.word===word).at(-1)?.value??
null}get stepTilesKey(){return JSON.stringify([this.state.get("word"),inEveryLayer(this.state.chosen)])}stepTiles(){return this.memory.stepTiles.get(this.stepTilesKey)??
null}get comparing(){return this.state.get("word_b")>=0}get settled(){return this.#allExact||this.#places.every(which=>this.reduced(which))}get#allExact(){return this.#places.
every(which=>this.memory.exacts.get(this.exactKey(which)))}get#places(){return this.comparing?[0,1]:[0]}reduced(which){let key=this.stackKey(which),map=this.stack(
which)?null:this.memory.reduced.get(key);return map?{kind:"reduced",key:`reduced ${key}`,...map}:null}shown(which){if(which===1&&!this.comparing)return null;let looks=which===
0?this.looks():null;if(looks)return looks;if(this.hover&&which===0){let{layers,head,step}=this.hover,tile=step===void 0?this.tile(layers,head):this.stepTile(layers[0],
step);if(tile)return tile}let key=this.exactKey(which),exact=this.memory.exacts.get(key);return exact&&this.#allExact?(this.memory.exacts.touch(key),{kind:"exac\
t",key,...exact}):this.preview(which)??this.reduced(which)??this.#ownTile(which)}preview(which){let stackKey=this.stackKey(which),stack=this.memory.stacks.get(stackKey);
if(!stack)return null;let[lo,hi]=this.state.steps,shown=this.previews[which];(!shown||shown.values.length!==stack.height*stack.width)&&(shown={kind:"preview",key:"",
values:new Float32Array(stack.height*stack.width),height:0,width:0,max:0},this.previews[which]=shown);let key=`${stackKey}${lo},${hi}`;return(shown.key!==key||this.
added[which]!==stack)&&(this.added[which]=stack,shown.max=meanOver(stack,Math.min(lo,stack.steps-1),Math.min(hi,stack.steps),shown.values),shown.key=key,shown.height=
stack.height,shown.width=stack.width,this.memory.stacks.touch(stackKey)),shown}#ownTile(which){let{layer,head}=this.state.chosen;return which===1||layer<0||typeof head!=
"number"?null:this.tiles()?.key===this.tilesKey?this.tile([layer],head):null}recorded(){let{layer}=this.state.chosen,tile=this.#ownTile(0),size=this.state.facts.
layers?.[layer]?.size;return tile&&size&&tile.height===size[0]&&tile.width===size[1]?tile:null}tile(layers,head){let tiles=this.tiles();if(!tiles||layers.length===
0)return null;let[height,width]=tiles.tile[layers[0]],values=new Float32Array(height*width),count=0;for(let layer of layers){if(tiles.tile[layer][0]!==height||tiles.
tile[layer][1]!==width)continue;let scales=tiles.scales[layer];for(let h=0;h<scales.length;h++)head>=0&&h!==head||(addTile(tiles,layer,h,values),count++)}if(count===
0)return null;for(let i=0;i<values.length;i++)values[i]/=count;let key=`tile ${tiles.key} ${layers} ${head}`,of={layers,head,lo:tiles.lo,hi:tiles.hi};return{kind:"\
tile",key,values,height,width,max:largest(values),of}}stepTile(layer,step){let tiles=this.stepTiles(),row=tiles?.layers?.indexOf(layer)??-1;if(!tiles||row<0)return null;
let[height,width]=tiles.tile[row],values=new Float32Array(height*width),count=tiles.scales[row].length,[lo,hi]=step<0?[0,count]:[step,step+1];for(let t=lo;t<hi;t++)
addTile(tiles,row,t,values);for(let i=0;i<values.length;i++)values[i]/=hi-lo;let heads=JSON.parse(tiles.key)[1],pairs=pairsIn(heads).filter(([l])=>l===layer),head=pairs.
length>0?pairs.map(([,h])=>h):heads,of={layers:[layer],head,lo,hi};return{kind:"tile",key:`step ${tiles.key} ${layer} ${step}`,values,height,width,max:largest(values),
of}}};function addTile(tiles,layer,head,values){let size=values.length,from=tiles.offsets[layer]+head*size,scale=tiles.scales[layer][head]/255;for(let i=0;i<size;i++)
values[i]+=tiles.data[from+i]*scale}var CELLS=2**21,SIDES=[8,16,32,64];function withMeans(tiles){return tiles.tile.map(([height,width],row)=>{let size=height*width,sum=new Float32Array(size),{data,
scales,offsets}=tiles,maps=scales[row].map((peak2,head)=>(addTile(tiles,row,head,sum),{data,at:offsets[row]+head*size,height,width,peak:peak2})),most2=0;for(let i=0;i<
size;i++)sum[i]>most2&&(most2=sum[i]);let mean=new Uint8Array(size),levels2=255/Math.max(1,maps.length);for(let i=0;i<size;i++)tiles.signed?mean[i]=Math.round(sum[i]*
levels2):mean[i]=most2>0?Math.round(255*sum[i]/most2):0;let peak=most2/Math.max(1,maps.length);return[{data:mean,at:0,height,width,peak},...maps]})}var Sheet=class{constructor(rows2,wanted){
this.rows=rows2,this.across=Math.max(1,...rows2.map(row=>row.length));let[tall,wide]=rows2.reduce(([h,w],[map])=>[Math.max(h,map?.height??1),Math.max(w,map?.width??
1)],[1,1]),longest=Math.max(tall,wide),slots=this.across*Math.max(1,rows2.length),side=sideOf(Math.min(wanted,longest),slots);this.side=side,this.width=Math.max(
1,Math.round(side*wide/longest)),this.height=Math.max(1,Math.round(side*tall/longest)),this.levels=new Uint8Array(slots*this.width*this.height),rows2.forEach((row,r)=>row.
forEach((map,c)=>this.#reduce(map,r*this.across+c))),this.canvas=document.createElement("canvas"),this.canvas.width=this.across*this.width,this.canvas.height=Math.
max(1,rows2.length)*this.height,this.pen=this.canvas.getContext("2d"),this.colors=this.pen.createImageData(this.canvas.width,this.canvas.height),this.key=""}fits(wanted){
let longest=Math.max(...this.rows.map(([map])=>Math.max(map.height,map.width)),1),slots=this.across*Math.max(1,this.rows.length);return sideOf(Math.min(wanted,longest),
slots)===this.side}#reduce({data,at,height,width},slot){let{width:wide,height:high,levels:levels2}=this,to=slot*wide*high;for(let y=0;y<high;y++){let top=Math.floor(
y*height/high),bottom=Math.max(top+1,Math.floor((y+1)*height/high));for(let x=0;x<wide;x++){let left=Math.floor(x*width/wide),right=Math.max(left+1,Math.floor((x+
1)*width/wide)),sum=0;for(let i=top;i<bottom;i++)for(let j=left;j<right;j++)sum+=data[at+i*width+j];levels2[to++]=sum/((bottom-top)*(right-left))+.5}}}color({colors,
common,gray,key}){if(key===this.key)return;this.key=key;let{width,height,across,levels:levels2}=this,out=new Uint32Array(this.colors.data.buffer),stride=across*
width;this.rows.forEach((row,r)=>{let table=palette(gray(r)?"gray":colors);row.forEach((map,c)=>{let factor=common>0?Math.min(255,map.peak/common):1,from=(r*across+
c)*width*height;for(let y=0;y<height;y++){let to=(r*height+y)*stride+c*width;for(let x=0;x<width;x++){let place=levels2[from++]*factor+.5|0;out[to++]=table[place>
255?255:place]}}})}),this.pen.putImageData(this.colors,0,0)}};function sideOf(wanted,slots){let best=SIDES[0];for(let side of SIDES)if(side>SIDES[0]&&side*side*
slots>CELLS||(best=side,side>=wanted))break;return best}var CLOSE=24,Sheets=class{constructor(scope){this.scope=scope,this.tiles=null,this.rows=[],this.sheet=null,this.closer=new Map,this.near=!1,this.found={sheet:null,
row:0},this.how={colors:"",common:0,gray:()=>!1,key:""}}use(tiles){tiles!==this.tiles&&(this.tiles=tiles,this.rows=tiles?withMeans(tiles):[],this.sheet=null,this.
closer.clear())}color(wanted,isOut){if(!this.tiles)return;let{state}=this.scope,{tiles}=this,colors=tiles.signed?"RdBu_r":state.get("colormap"),common=state.get(
"tile_scale")==="common"&&!tiles.signed?largest(tiles.scales.map((row,layer)=>isOut(layer)?0:largest(row))):0;this.how={colors,common,gray:isOut,key:`${colors} ${common}\
 ${state.get("choice")}`},this.near=wanted>Math.max(...tiles.tile.map(size=>Math.max(...size))),(!this.sheet||!this.sheet.fits(wanted))&&(this.sheet=new Sheet(this.
rows,wanted)),this.sheet.color(this.how)}of(row){if(!this.sheet)return null;let{found}=this,own=this.near?this.#close(row):null;return found.sheet=own??this.sheet,
found.row=own?0:row,found}#close(row){let{tiles,closer}=this,own=tiles&&this.scope.source.memory.layerTiles.get(`${tiles.key} ${row}`);if(!own)return null;let known=closer.
get(row);if(known&&known.side===own.tile[0])return known.sheet.color(this.#as(row)),known.sheet;let one={...tiles,data:own.data,tile:[own.tile],offsets:[0],scales:[
own.scales]},sheet=new Sheet(withMeans(one),64);return closer.delete(row),closer.set(row,{sheet,side:own.tile[0]}),closer.size>CLOSE&&closer.delete(closer.keys().
next().value),sheet.color(this.#as(row)),sheet}#as(row){return{...this.how,gray:()=>this.how.gray(row)}}};function mostZoom(tile){return Math.max(1,220/Math.max(1,tile))}function clamp(zoom,content,room,most2){zoom.k=Math.min(most2,Math.max(1,zoom.k)),zoom.x=within(
zoom.x,room.width-zoom.k*content.width),zoom.y=within(zoom.y,room.height-zoom.k*content.height)}function within(at,spare){return spare>=0?0:Math.min(0,Math.max(
spare,at))}function zoomAt(zoom,factor,x,y,most2){let k=Math.min(most2,Math.max(1,zoom.k*factor)),by=k/zoom.k;zoom.x=x-(x-zoom.x)*by,zoom.y=y-(y-zoom.y)*by,zoom.
k=k}function reveal(zoom,{x,y,w,h},room,{left,top}){let[from,above2]=[zoom.k*x+zoom.x,zoom.k*y+zoom.y],right=from+zoom.k*w-room.width,below=above2+zoom.k*h-room.
height;right>0&&(zoom.x-=right),below>0&&(zoom.y-=below);let[toLeft,toTop]=[left-(zoom.k*x+zoom.x),top-(zoom.k*y+zoom.y)];toLeft>0&&(zoom.x+=toLeft),toTop>0&&(zoom.
y+=toTop)}function rowsSeen(plan,zoom,room){let rows2=new Set;for(let i=0;i<plan.count;i++){let[x,y]=[zoom.k*plan.x[i]+zoom.x,zoom.k*plan.y[i]+zoom.y],seen2=x<room.
width&&x+zoom.k*plan.w[i]>0;plan.row[i]>=0&&seen2&&y<room.height&&y+zoom.k*plan.h[i]>0&&rows2.add(plan.row[i])}return[...rows2]}var NEAR=13,SMALLEST=40,Atlas=class{constructor(scope){this.scope=scope,this.plan=null,this.zoom={k:1,x:0,y:0},this.room={width:0,height:0},this.layout="",this.
active=0,this.pointed=-1,this.frame=0,this.drawn=0,this.line=[],this.chosen=new Uint8Array(0),this.values=null,this.instead=null,this.range=[0,0],this.style=null,
this.tilesCanvas=el("canvas",{class:"daam-atlas-tiles","aria-hidden":"true","data-testid":"atlas-tiles"}),this.canvas=el("canvas",{class:"daam-atlas-marks",tabindex:"\
0",role:"application","aria-roledescription":"head atlas","aria-label":nameOf("heads"),"data-testid":"atlas",on:{keydown:event=>onKey(this,event),focus:()=>this.#soon(),
blur:()=>this.#leave()}});let context=canvas=>canvas.getContext("2d");this.below=context(this.tilesCanvas),this.above=context(this.canvas),this.sheets=new Sheets(
scope),this.wants=new AtlasWants(scope,()=>this.#closer()),this.both={heads:new HeadAxes(scope,new Chooser(scope)),steps:new StepAxes(scope)},this.axes=this.both.
heads,this.bar=new Bar(scope),this.foot=new Foot({zoom:factor=>this.zoomBy(factor,this.room.width/2,this.room.height/2),fit:()=>this.zoomBy(0,0,0),tool:()=>this.#touchable()}),
this.saved=new Saved(scope),this.foot.buttons.append(this.saved.element),this.note=el("p",{class:"daam-hint","data-testid":"grid-note"}),this.stage=el("div",{class:"\
daam-atlas-stage"},this.tilesCanvas,this.canvas),this.element=el("div",{class:"daam-atlas"},this.bar.element,this.stage,this.foot.element,this.note),this.hand=new Hand(
this.canvas,{point:(x,y)=>this.#point(this.#tileAt(x,y),x,y),leave:()=>this.#leave(),press:(x,y,{shift,more})=>this.#press(x,y,shift||more||this.foot.adding),pan:(dx,dy)=>this.#pan(
dx,dy),zoom:(factor,x,y)=>this.zoomBy(factor,x,y),lasso:(line,held)=>this.#lasso(line,held),lassoing:()=>this.foot.lassoing,magnified:()=>this.zoom.k>1}),this.sizes=
new ResizeObserver(()=>{let{clientWidth:width,clientHeight:height}=this.stage;width===this.room.width&&height===this.room.height||scope.invalidate(GRID)}),this.
sizes.observe(this.stage)}get lacking(){return this.wants.lacking}update(what){let axes=this.both[this.scope.state.get("tile_axes")];if(axes!==this.axes&&(this.
plan=null),this.axes=axes,attribute(this.canvas,"aria-label",nameOf(axes.name)),this.bar.update(what,axes.measure),this.saved.update(what),this.wants.update(),!this.
scope.state.facts.layers)return;axes.read();let tiles=this.instead?this.instead.tiles():axes.tiles(),other=tiles!==this.sheets.tiles;what&THEME&&(this.style=null);
let laid=GRID|THEME|(axes===this.both.steps?SELECTION:0);(other||what&laid)&&(this.sheets.use(tiles),this.#measure(),!this.#lay())||(other||what&(GRID|SELECTION|
THEME)?(this.#mark(),this.draw()):what&STEPS&&axes===this.both.steps&&(this.#mark(),this.#drawMarks()),(other||what&(GRID|STEPS))&&this.#note())}#measure(){let{
axes}=this;this.values=this.instead?this.instead.values():axes.values(),this.range=this.values?rangeOf(this.values,row=>!axes.isOut(row)):[0,0]}#lay(){let{axes}=this,
{state,dots,source,maps}=this.scope,{facts}=state,{clientWidth:width,clientHeight:height}=this.stage;if(!facts.layers||width<SMALLEST||height<SMALLEST)return!1;
let sort=state.get("tile_sort"),order=axes.order(),style=this.#style(),rows2=axes.rows.map(row=>row.layer),of=[source.run,axes.name,rows2],key=JSON.stringify([of,
width,height,dots,style.size,sort,order]);if(key===this.layout)return!0;this.layout=key,this.room={width,height};for(let canvas of[this.tilesCanvas,this.canvas])
canvas.width=Math.ceil(width*dots),canvas.height=Math.ceil(height*dots);let[high,wide]=facts.layers[0].size,before2=this.plan,place=before2?[before2.row[this.active],
before2.column[this.active]]:[-1,-1],room={width,height,aspect:wide/high},names=widest(this.above,style,axes.rows.map(row=>row.label));return this.plan=order?rankedPlan(
order,room):planOf(axes.rows,{...room,names,all:axes.all}),this.chosen=new Uint8Array(this.plan.count),this.active=Math.max(0,indexOf(this.plan,place[0],place[1])),
this.pointed=-1,before2?.ranked!==this.plan.ranked&&(this.zoom={k:1,x:0,y:0}),clamp(this.zoom,this.plan,this.room,mostZoom(this.plan.tile[0])),maps.hover=null,!0}#style(){
return this.style?this.style:(this.style=styleOf(this.element,this.scope.state.get("projector")),this.style)}#soon(){this.frame===0&&(this.frame=requestAnimationFrame(
()=>{this.frame=0,this.draw()}))}get showsMaps(){let show2=this.scope.state.get("tile_show");return show2!=="auto"||!this.plan?show2!=="colors":Math.min(...this.
plan.tile)*this.zoom.k>=NEAR}draw(){let{plan,zoom,room}=this;if(!plan)return;let{state,dots}=this.scope,{axes}=this,style=this.#style(),isOut=row=>axes.isOut(row),
maps=this.showsMaps;maps&&this.sheets.color(Math.max(...plan.tile)*zoom.k*dots,isOut),this.drawn=drawTiles(this.below,dots,plan,zoom,room,{isOut,colors:state.get(
"colormap"),maps:maps&&!!this.sheets.tiles,sheet:row=>this.sheets.of(row),first:-1,values:this.values,range:this.range,style}),this.below.setTransform(dots,0,0,
dots,0,0),(plan.ranked||zoom.k>1)&&drawCaptions(this.below,plan,zoom,room,(row,column)=>captions(axes,row,column,this.values),style),this.#drawMarks()}#drawMarks(){
let{plan,zoom,room,above:above2}=this;if(!plan)return;let{axes}=this,{dots}=this.scope,style=this.#style();above2.setTransform(dots,0,0,dots,0,0),above2.clearRect(
0,0,room.width,room.height);let keys=this.canvas.matches(":focus-visible"),{chosen,pointed,active}=this;drawMarks(above2,plan,zoom,{chosen,pointed,active:keys?active:
-1},style),drawLabels(above2,plan,zoom,room,{rows:axes.rows,columnName:column=>axes.columnName(column),isRow:row=>axes.isRow(row),isColumn:column=>axes.isColumn(
column),isOut:row=>axes.isOut(row)},style),drawLasso(above2,this.line,style),this.#say()}#mark(){let{plan,chosen,axes}=this;if(plan)for(let i=0;i<plan.count;i++)
chosen[i]=Number(axes.isChosen(plan.row[i],plan.column[i]))}#say(){let{plan,values,scope}=this;if(!plan)return;let measure=measureOf(scope,this.axes.measure),keys=this.
canvas.matches(":focus-visible"),of=this.pointed>=0?this.pointed:keys?this.active:-1,[low,high]=this.range,legend=!this.showsMaps&&values?{low:short2(low),high:short2(
high),colors:scope.state.get("colormap")}:null,rest=this.showsMaps?`Maps of ${scope.state.get("tile_scale")==="own"?"own scales":"one scale"}`:`Color: ${measure?.
label??""}`;this.foot.write(of>=0?this.describe(of):rest,legend)}describe(i){let{plan,axes,values}=this;return!plan||i<0||i>=plan.count?"":describe(axes,plan.row[i],
plan.column[i],values)}#note(){let{axes}=this,{state,source}=this.scope,ofHeads=axes===this.both.heads,tiles=axes.tiles(),text="";if(!tiles)text=source.capabilities.
any?"The tiles are on their way.":`The tiles of ${ofHeads?"this word":"single steps"} were left out of this page.`;else if(ofHeads){let[lo,hi]=state.steps;tiles.
lo!==lo||tiles.hi!==hi?text=`Tiles of ${stepsText(state.facts,tiles.lo,tiles.hi)}.`:(!this.values||state.get("tile_sort")==="likeness"&&!axes.order())&&(text=this.
wants.lacking?"Being worked out.":"This page does not hold these numbers.")}write(this.note,text)}#pan(dx,dy){this.plan&&(this.zoom.x+=dx,this.zoom.y+=dy,clamp(
this.zoom,this.plan,this.room,mostZoom(this.plan.tile[0])),this.#soon())}zoomBy(factor,x,y){let{plan,zoom,room}=this;if(!plan)return!1;let before2=zoom.k,most2=mostZoom(
plan.tile[0]);return factor===0?zoom.k=1:zoomAt(zoom,factor,x,y,most2),clamp(zoom,plan,room,most2),this.#touchable(),this.#soon(),this.wants.update(),zoom.k!==before2}#touchable(){
this.stage.dataset.magnified=String(this.zoom.k>1||this.foot.lassoing)}#closer(){let{plan,zoom,room}=this;if(!plan||zoom.k<=1||!this.showsMaps||this.axes!==this.
both.heads)return{layers:[],side:0};let side=Math.max(...plan.tile)*zoom.k*this.scope.dots;return{layers:rowsSeen(plan,zoom,room),side}}#tileAt(x,y){let{plan,zoom}=this;
return!plan||labelAt(plan,zoom,x,y)?-1:tileAt(plan,(x-zoom.x)/zoom.k,(y-zoom.y)/zoom.k)}#point(i,x=0,y=0){let{plan}=this;if(!plan)return;let label=i<0?labelAt(plan,
this.zoom,x,y):null;this.canvas.style.cursor=i>=0||label?"pointer":"default",i!==this.pointed&&(this.pointed=i,this.#hover(i),this.#drawMarks())}#leave(){this.pointed=
-1,this.#hover(-1),this.#drawMarks()}#hover(i){let{maps}=this.scope,{plan}=this,[row,column]=plan&&i>=0?[plan.row[i],plan.column[i]]:[-1,-1],hover=row>=0?this.axes.
hover(row,column):null;!hover&&!maps.hover||this.scope.input("hover",()=>{maps.hover=hover,this.scope.invalidate(MAP)})}#press(x,y,more){let{plan,zoom}=this;if(!plan)
return;let label=labelAt(plan,zoom,x,y),i=label?-1:this.#tileAt(x,y);this.scope.input("head",()=>{i>=0?(this.active=i,this.axes.choose(plan.row[i],plan.column[i],
more)):label&&"column"in label?this.axes.choose(-1,label.column,more):label&&"row"in label?this.axes.choose(label.row,-1,more):label&&this.axes.block(label.block,
more)})}#lasso(line,held){let{plan,zoom}=this;if(this.line=held?[]:line,held&&plan){let{x,y,k}=zoom,tiles=encircled(plan,line.map((at,i)=>(at-(i%2?y:x))/k)).map(
i=>({row:plan.row[i],column:plan.column[i]})),more=held.more||this.foot.adding;this.scope.input("head",()=>this.axes.encircled(tiles,more))}this.#drawMarks()}go(i){
let{plan,zoom,room}=this;if(!plan)return;this.active=i,this.pointed=-1;let box={x:plan.x[i],y:plan.y[i],w:plan.w[i],h:plan.h[i]},covered=plan.ranked?{left:0,top:0}:
{left:plan.gutter,top:15};reveal(zoom,box,room,covered),clamp(zoom,plan,room,mostZoom(plan.tile[0])),this.#hover(i),this.scope.say(this.describe(i)+(this.chosen[i]?
", chosen":"")),this.#soon()}destroy(){cancelAnimationFrame(this.frame),this.sizes.disconnect(),this.wants.destroy()}};function nameOf(columns2){return`Layers b\
y ${columns2}. Arrow keys move, Enter chooses, Shift+Enter adds, plus and minus zoom.`}var LEVEL=20,FOOT=6,Arcs=class{constructor(scope,chips){this.scope=scope,this.chips=chips,this.element=svg("svg",{class:"daam-arcs","data-testid":"arcs",role:"g\
roup","aria-label":"Syntax: arcs from head words to their dependents"}),this.element.addEventListener("click",event=>this.#choose(event)),this.element.addEventListener(
"pointerover",event=>{let arc=event.target.closest("[data-head]");attribute(this.chips.scroller,"title",arc?.getAttribute("aria-label")??null)}),this.element.addEventListener(
"pointerleave",()=>attribute(this.chips.scroller,"title",null)),this.element.addEventListener("keydown",event=>{event.key!=="Enter"&&event.key!==" "||(event.preventDefault(),
this.#choose(event))}),this.drawn=""}#choose(event){let arc=event.target.closest("[data-head]");if(!arc)return;let head=Number(arc.getAttribute("data-head")),dependent=Number(
arc.getAttribute("data-dependent"));this.scope.input("word",()=>this.scope.state.set({word:head,word_b:dependent}))}update(){let{state}=this.scope,parse=state.facts.
parse,shown=!!(parse&&state.get("show_syntax"));if(this.element.style.display=shown?"":"none",attribute(this.chips.element,"data-syntax",shown),!shown||!parse)return;
this.#draw(parse);let[a,b]=[state.get("word"),state.get("word_b")];for(let arc of this.element.querySelectorAll("[data-head]")){let chosen=Number(arc.getAttribute(
"data-head"))===a&&Number(arc.getAttribute("data-dependent"))===b;attribute(arc,"aria-pressed",String(chosen))}}#draw(parse){let centers=this.chips.buttons.map(
b=>b.hidden?null:b.offsetLeft+b.offsetWidth/2),key=JSON.stringify([parse,centers]);if(key===this.drawn||this.chips.list.offsetWidth===0)return;this.drawn=key;let words=this.
scope.state.facts.words,choosable=word=>!!words[word]?.kept,at=word=>centers[word.word]??centers[word.at]??null,arcs=[];for(let arc of parse.arcs){let head=parse.
words[arc.head],dependent=parse.words[arc.dependent];if(!head||!dependent||!choosable(head.word)||!choosable(dependent.word))continue;let[from,to]=[at(head),at(
dependent)];from===null||to===null||from===to||arcs.push({...arc,from,to,h:head.word,d:dependent.word,texts:[head.text,dependent.text]})}let levels2=nested(arcs.
map(arc=>[Math.min(arc.from,arc.to),Math.max(arc.from,arc.to)])),height=(Math.max(0,...levels2)+1)*LEVEL+14;attribute(this.element,"width",this.chips.list.scrollWidth),
attribute(this.element,"height",height);let order=arcs.map((_,k)=>k).sort((p,q)=>levels2[q]-levels2[p]);this.element.replaceChildren(...order.map(k=>drawn(arcs[k],
levels2[k],height)))}};function nested(spans){let levels2=spans.map(()=>0),order=spans.map((_,i)=>i).sort((p,q)=>spans[p][1]-spans[p][0]-(spans[q][1]-spans[q][0]));
for(let i of order)for(let j of order){if(j===i)break;spans[j][0]<spans[i][1]&&spans[i][0]<spans[j][1]&&(levels2[i]=Math.max(levels2[i],levels2[j]+1))}return levels2}
function drawn(arc,level,height){let base=height-FOOT,top=base-8-(level+1)*LEVEL+6,way=arc.to>arc.from?1:-1,from=arc.from+way*5,to=arc.to-way*2,radius=Math.min(
10,Math.abs(to-from)/2),path=`M${from} ${base} V${top+radius} Q${from} ${top} ${from+way*radius} ${top} H${to-way*radius} Q${to} ${top} ${to} ${top+radius} V${base}`,
middle=(from+to)/2,label=svg("text",{x:middle,y:top+3.5,"text-anchor":"middle",text:arc.relation}),wide=arc.relation.length*6.2+8,words=`${arc.texts[1]} is ${arc.
relation} of ${arc.texts[0]}`;return svg("g",{class:"daam-arc",role:"button",tabindex:"0","data-testid":"arc","data-head":arc.h,"data-dependent":arc.d,"aria-lab\
el":`${words}: compare`},svg("path",{class:"daam-arc-hit",d:path}),svg("path",{class:"daam-arc-line",d:path}),svg("path",{class:"daam-arc-tip",d:`M${to-4} ${base-
4} L${to} ${base+3} L${to+4} ${base-4} Z`}),svg("rect",{class:"daam-arc-plate",x:middle-wide/2,y:top-7,width:wide,height:14,rx:7}),label)}function isCoarse(){return matchMedia("(pointer: coarse)").matches}var MOUSE=[["Point at the image:","the words whose maps are high there."],["Drag over it:","t\
he words of a region, by step and layer."],["Point at a tile:","that head alone; a click keeps it, Shift-click several."],["Press Space:","play the steps."]],FINGER=[
["Tap the image:","the words whose maps are high there."],["Box or lasso, then drag:","the words of a region, by step and layer."],["Tap a tile:","that head alo\
ne; with Add, several."],["Tap ▶:","play the steps."]],PASSING=new Set(["pixel","hover"]),Hints=class{constructor(scope){this.scope=scope;let lines=isCoarse()?
FINGER:MOUSE,close=el("button",{class:"daam-button daam-only-icon",type:"button",title:"Close (Esc)","aria-label":"Close the hints","data-testid":"hints-close"},
icon("close"));close.addEventListener("click",()=>this.show(!1,!0)),this.element=el("div",{class:"daam-hints","data-testid":"hints",role:"note","aria-label":"Tr\
y this"},el("div",{class:"daam-title-row"},el("h3",{class:"daam-title",text:"Try this"}),el("span",{class:"daam-space"}),close),el("ul",{class:"daam-hint daam-t\
ry","data-testid":"try"},...lines.map(([what,then])=>el("li",{},el("b",{text:what}),` ${then}`)))),this.element.addEventListener("keydown",event=>{event.key==="\
Escape"&&(event.preventDefault(),event.stopPropagation(),this.show(!1,!0))}),this.button=el("button",{class:"daam-button daam-only-icon daam-toggle",type:"butto\
n",title:"What can be done here","aria-label":"Hints","aria-expanded":"true","data-testid":"hints-button",text:"?"}),this.button.addEventListener("click",()=>this.
show(!this.open)),this.open=!0}show(open,back=!1){this.open=open,this.element.hidden=!open,attribute(this.button,"aria-expanded",String(open)),back&&this.button.
focus()}acted(what){this.open&&!PASSING.has(what)&&this.show(!1)}};var Phrases=class{constructor(scope,list2){this.scope=scope,this.list=list2,this.on=!1,this.ends=null,this.coming=null,this.dismissed=new Set,this.closers=new Map,
this.joined=null,this.wanted=0,this.drag={from:-1,to:-1},this.button=el("button",{class:"daam-button daam-toggle",type:"button","aria-pressed":"false","data-tes\
tid":"phrase",title:"Click a second word for the phrase up to it (or Alt-click, or drag over the words)",text:"Phrase"}),this.button.addEventListener("click",()=>scope.
input("word",()=>this.setOn(!this.on))),list2.addEventListener("pointerdown",event=>this.#press(event)),list2.addEventListener("pointerover",event=>this.#over(event)),
this.stop=new AbortController;let{signal}=this.stop;window.addEventListener("pointerup",()=>this.#release(),{signal}),window.addEventListener("pointercancel",()=>this.#mark(
-1,-1),{signal})}destroy(){this.stop.abort()}setOn(on){this.on=on,this.scope.say(on?"Phrase: choose its other end.":"No phrase."),this.scope.invalidate(WORDS)}get#words(){
let{words}=this.scope.state.facts,isWord=i=>words[i].kept&&words[i].kind==="word";return words.map((_,i)=>i).filter(isWord).sort((p,q)=>words[p].start-words[q].
start)}get#chosen(){let{state}=this.scope,number=state.get("word");if(this.ends?.word===number)return this.ends;let chosen=state.facts.words[number],inside=chosen?.
special?[]:this.#words.filter(i=>lies(state.facts.words[i],chosen));return inside.length===0?null:{anchor:inside[0],tip:inside[inside.length-1],word:number}}extendTo(to){
let{words}=this.scope.state.facts,chosen=this.#chosen,target=this.#words.filter(i=>lies(words[i],words[to]));if(!chosen||target.length===0){this.scope.fail("A p\
hrase is made of words: choose one, then another.");return}let isBefore=words[to].start<words[chosen.anchor].start;this.#make(chosen.anchor,isBefore?target[0]:target[target.
length-1])}step(way){let chosen=this.#chosen;if(!chosen)return;let order=this.#words,own=this.ends?.word===chosen.word||way>0,[anchor,tip]=own?[chosen.anchor,chosen.
tip]:[chosen.tip,chosen.anchor],to=order[order.indexOf(tip)+way];to===void 0?this.scope.say(way>0?"The last word.":"The first word."):this.#make(anchor,to)}async#make(anchor,tip){
let{scope}=this,{state,source}=scope,wanted=++this.wanted;this.coming=null;let ends=[state.facts.words[anchor],state.facts.words[tip]],span=[Math.min(...ends.map(
({start})=>start)),Math.max(...ends.map(({end})=>end))],known=state.facts.words.findIndex(word2=>isAt(word2,span)),word=known;if(known<0)try{word=(await source.
ask({want:["entry"],sel:state.sel,at:{span}})).find(({name})=>name==="entry")?.word??-1}catch(error){error instanceof Moot||scope.fail(error.message)}wanted!==this.
wanted||word<0||(this.ends={anchor,tip,word},this.coming={word,span},this.on=!1,this.dismissed.delete(word),scope.invalidate(WORDS))}settle(){let{coming}=this,{
state}=this.scope;if(!coming||!isAt(state.facts.words[coming.word],coming.span))return;this.coming=null;let{text,kind,tokens}=state.facts.words[coming.word],other=state.
get("word_b")===coming.word?{word_b:-1}:{};this.scope.fail(""),this.scope.maps.hover=null,this.joined=coming.word,state.set({word:coming.word,...other});let count=`${tokens.
length} token${tokens.length===1?"":"s"}`;kind==="phrase"?this.scope.say(`Phrase “${text}”, the mean of ${count}.`):this.scope.say(`The word “${text}” alo\
ne.`)}dismiss(number){let{state}=this.scope,phrase=state.facts.words[number];if(phrase?.kind!=="phrase")return;let first=(this.ends?.word===number?this.ends.anchor:
void 0)??this.#words.find(i=>lies(state.facts.words[i],phrase))??0,shown=state.get("word")===number;this.dismissed.add(number),this.ends?.word===number&&(this.ends=
null);let choice={};shown&&(choice.word=first);let other=state.get("word_b");(other===number||shown&&other===first)&&(choice.word_b=-1),state.set(choice),this.scope.
say(`The phrase “${phrase.text}” is dismissed.`),this.scope.invalidate(WORDS),requestAnimationFrame(()=>{this.list.querySelector(`[data-word="${state.get("w\
ord")}"]`)?.focus()})}forget(){this.wanted++,this.coming=null}reset(){this.forget(),this.ends=null,this.dismissed.clear(),this.closers.clear()}withCloser(chip2){
let number=Number(chip2.dataset.word),word=this.scope.state.facts.words[number];if(word.kind!=="phrase")return[chip2];let closer=this.closers.get(number);return closer||
(closer=el("button",{class:"daam-button daam-only-icon daam-dismiss",type:"button",title:"Dismiss the phrase (Delete)","aria-label":`Dismiss the phrase “${word.
text}”`,"data-testid":"dismiss","data-of":number},icon("close")),closer.addEventListener("click",()=>this.scope.input("word",()=>this.dismiss(number))),this.closers.
set(number,closer)),[chip2,closer]}update(chips){attribute(this.button,"aria-pressed",String(this.on)),this.button.hidden=this.#words.length<2;for(let[number,closer]of this.
closers)closer.hidden=chips[number]?.hidden??!0}#press(event){event.button!==0||event.pointerType==="touch"||(this.drag={from:this.#wordAt(event),to:-1})}#over(event){
let{from}=this.drag;if(from<0)return;if(!(event.buttons&1)){this.#mark(-1,-1);return}let to=this.#wordAt(event);to>=0&&this.#mark(from,to)}#release(){let{from,to}=this.
drag;this.#mark(-1,-1),!(from<0||to<0||from===to)&&(getSelection()?.removeAllRanges(),this.scope.input("word",()=>this.#make(from,to)))}#mark(from,to){this.drag=
{from,to};let{words}=this.scope.state.facts,[start,end]=to>=0&&from!==to?[Math.min(words[from].start,words[to].start),Math.max(words[from].end,words[to].end)]:[
0,-1];for(let chip2 of this.list.querySelectorAll("[data-word]")){let word=words[Number(chip2.getAttribute("data-word"))],inside=word?.kind==="word"&&word.start>=
start&&word.end<=end;attribute(chip2,"data-dragged",inside)}}#wordAt(event){let chip2=event.target.closest("[data-word]"),number=chip2?Number(chip2.getAttribute(
"data-word")):-1;return this.#words.includes(number)?number:-1}};function lies(word,around){return!!around&&word.start>=around.start&&word.end<=around.end}function isAt(word,[
start,end]){return word?.start===start&&word.end===end&&["word","phrase"].includes(word.kind??"")}var MANY=24,WordTools=class{constructor(scope){this.scope=scope,this.inputs=inputsOf(scope,"words"),this.ranked={of:"",words:[]},this.asker=new Asker(scope.source,
(question,parts)=>this.#answered(question,parts)),this.box=el("input",{type:"search",class:"daam-filter",placeholder:"Filter words","aria-label":"Filter the wor\
ds",autocomplete:"off",spellcheck:"false","data-testid":"word-filter"}),this.box.addEventListener("input",()=>scope.input("filter",()=>scope.invalidate(WORDS))),
this.box.addEventListener("keydown",event=>{event.key!=="Escape"||this.box.value===""||(event.preventDefault(),this.box.value="",scope.input("filter",()=>scope.
invalidate(WORDS)))}),this.count=el("span",{class:"daam-muted",role:"status","data-testid":"word-count"}),this.element=el("span",{class:"daam-wordtools",role:"g\
roup","aria-label":"Which words",hidden:!0},this.count,this.box,...Object.values(this.inputs).map(({label})=>label))}get problem(){return this.asker.problem}get#selection(){
return selectionOf(this.scope.source.run,this.scope.state.sel)}fits(text){let wanted=this.box.value.trim().toLowerCase();return wanted===""||text.toLowerCase().
includes(wanted)}order(inText){if(this.scope.state.get("word_order")!=="attention"||this.ranked.of!==this.#selection)return inText;let{words}=this.ranked;return[
...words,...inText.filter(word=>!words.includes(word))]}ask(){let{state}=this.scope;if(state.moving||state.get("playing"))return;let lacks=state.get("word_order")===
"attention"&&this.ranked.of!==this.#selection;this.asker.want(lacks?{want:["background"],sel:state.sel}:null)}#answered({sel},parts){let part=parts?.find(({name})=>name===
"background");if(part){let words=[...part.rows].sort((p,q)=>q.share-p.share).map(row=>row.word);this.ranked={of:selectionOf(this.scope.source.run,sel),words}}this.
scope.invalidate(WORDS)}show(shown,all){let wanted=this.scope.state.get("word_order")!=="text"||this.box.value!=="";this.element.hidden=all<=MANY&&!wanted,write(
this.count,this.box.value.trim()===""?"":`${shown} of ${all}`);for(let{show:show2}of Object.values(this.inputs))show2()}destroy(){this.asker.destroy()}};function selectionOf(run,{
choice,layer,head,steps,special}){return JSON.stringify([run,choice,layer,head,steps,special])}var READING="Bright places looked at this word while the image was drawn.",LEAD="Pick a word; Shift-click another to compare.",LEAD_FINGER="Tap a word; Compare \
and another compares both.",LEAD_PAIR="Orange, solid line: where the map of A is high. Blue, dashed line: of B. White: of both.",LEAD_DIFFERENCE="Red: where the\
 map of A (solid line) is higher. Blue: of B (dashed line).",SYNTAX="Show how the words depend on each other; click an arc to compare both",Chips=class{constructor(scope){
this.scope=scope,this.comparing=!1,this.hadSecond=!1,this.buttons=[],this.order=[],this.inText=[],this.built="",this.run="",this.stands="",this.seen=-1,this.list=
el("div",{class:"daam-chips",role:"radiogroup","aria-label":"Words of the prompt. Arrow keys show a word, with Shift they compare it, with Ctrl and Shift they e\
xtend it to a phrase.","data-testid":"chips",on:{click:event=>this.#click(event),keydown:event=>this.#key(event)}}),this.phrases=new Phrases(scope,this.list),this.
arcs=new Arcs(scope,this),this.scroller=el("div",{class:"daam-words"},this.arcs.element,this.list),this.compare=toggle2("Compare","compare","Click a second word\
 to compare it (or Shift-click, c)"),this.swap=el("button",{class:"daam-button daam-only-icon daam-swap",type:"button",title:"Swap A and B (x)","aria-label":"Sw\
ap A and B","data-testid":"swap"},icon("swap")),this.pieces=toggle2("Pieces","pieces","Show the tokenizer's pieces, and the start and end of the text"),this.syntax=
toggle2("Syntax","syntax",SYNTAX),this.compare.addEventListener("click",()=>this.setComparing(!this.on)),this.swap.addEventListener("click",()=>scope.input("wor\
d",()=>this.swapWords())),this.pieces.addEventListener("click",()=>this.#toggle("show_pieces")),this.syntax.addEventListener("click",()=>this.#toggle("show_synt\
ax")),this.title=el("h2",{class:"daam-lead-title","data-testid":"title"}),this.means=el("p",{class:"daam-lead-text","data-testid":"lead"}),this.words=new WordTools(
scope),this.tools=el("div",{class:"daam-tools"},this.words.element,this.compare,this.phrases.button,this.pieces,this.syntax),this.element=el("header",{class:"da\
am-head"},el("div",{class:"daam-lead"},this.title,this.swap,this.means),this.scroller,this.tools)}destroy(){this.words.destroy(),this.phrases.destroy()}get on(){
return this.comparing||this.scope.state.get("word_b")>=0}#toggle(name){this.scope.input(name,()=>this.scope.state.set({[name]:!this.scope.state.get(name)}))}setComparing(on){
this.scope.input("word",()=>{this.comparing=on,this.phrases.on=!1,on||this.scope.state.set({word_b:-1}),this.scope.say(on?"Compare: choose the second word.":"On\
e word is shown."),this.scope.invalidate(WORDS)})}swapWords(){let{state}=this.scope,[a,b]=[state.get("word"),state.get("word_b")];b>=0&&state.set({word:b,word_b:a})}choose(word,compare){
let{state,maps}=this.scope;if(!state.facts.words[word]?.kept)return;this.phrases.forget(),maps.hover=null;let[a,b]=[state.get("word"),state.get("word_b")];compare?
word!==a&&state.set({word_b:b===word?-1:word}):state.set({word,word_b:b===word?-1:b})}#click(event){let chip2=event.target.closest("[data-word]");if(!chip2)return;
let word=Number(chip2.getAttribute("data-word"));this.scope.input("word",()=>{event.altKey||this.phrases.on?this.phrases.extendTo(word):this.choose(word,event.shiftKey||
this.comparing)}),(event.shiftKey||event.altKey)&&getSelection()?.removeAllRanges()}#key(event){let{state}=this.scope,way={ArrowRight:1,ArrowDown:1,ArrowLeft:-1,
ArrowUp:-1,Home:-2,End:2}[event.key],chip2=event.target.closest("[data-word]");if(chip2&&(event.key==="Delete"||event.key==="Backspace")){event.preventDefault();
let number=Number(chip2.getAttribute("data-word"));this.scope.input("word",()=>this.phrases.dismiss(number))}if(way&&event.ctrlKey&&event.shiftKey){event.preventDefault(),
event.stopPropagation(),Math.abs(way)===1&&this.scope.input("word",()=>this.phrases.step(way));return}if(chip2&&(event.key==="Enter"||event.key===" ")&&event.shiftKey&&
(event.preventDefault(),this.scope.input("word",()=>this.choose(Number(chip2.getAttribute("data-word")),!0))),!way)return;event.preventDefault();let open=this.order.
filter(b=>!b.disabled&&!b.hidden),of=event.shiftKey&&state.get("word_b")>=0?"word_b":"word",at=open.findIndex(b=>Number(b.dataset.word)===state.get(of)),to=way===
-2?0:way===2?open.length-1:(at+way+open.length)%open.length;event.shiftKey&&Number(open[to]?.dataset.word)===state.get("word")&&(to=(to+Math.sign(way)+open.length)%
open.length);let target=open[to];if(!target)return;let word=Number(target.dataset.word);this.scope.input("word",()=>{event.shiftKey?state.get("word_b")!==word&&
this.choose(word,!0):this.choose(word,!1)}),event.shiftKey||target.focus()}update(what){if(!(what&WORDS))return;let{state}=this.scope,{facts}=state;this.words.ask();
let run=this.scope.source.run??"";run!==this.run&&this.phrases.reset(),this.run=run;let key=JSON.stringify([facts.words,facts.kind]);key!==this.built&&(this.built=
key,this.#build(facts.words??[])),this.phrases.settle(),this.#arrange();let[a,b]=[state.get("word"),state.get("word_b")];this.hadSecond&&b<0&&(this.comparing=!1),
this.hadSecond=b>=0;let all=0;this.buttons.forEach((button,word)=>{let role=word===a?"a":word===b?"b":null;attribute(button,"data-role",role),attribute(button,"\
aria-checked",String(word===a)),attribute(button,"aria-description",role==="b"?"compared, B":null),button.tabIndex=word===a?0:-1;let{special,text}=facts.words[word],
isOpen=role||!this.phrases.dismissed.has(word)&&(!special||state.get("show_pieces"));button.hidden=!isOpen||!(role||this.words.fits(text)),isOpen&&all++}),this.
phrases.update(this.buttons);let{joined}=this.phrases;joined!==null&&this.list.querySelector(":focus")&&this.buttons[joined]?.focus(),this.phrases.joined=null;let shown=this.
buttons.filter(button=>!button.hidden).length;attribute(this.element,"data-many",all>MANY),this.words.show(shown,all),this.#reveal(a),this.#lead(facts.words?.[a]?.
text??"",facts.words?.[b]?.text),attribute(this.element,"data-comparing",b>=0),attribute(this.compare,"aria-pressed",String(this.on)),this.swap.hidden=b<0,attribute(
this.pieces,"aria-pressed",String(!!state.get("show_pieces"))),this.syntax.hidden=(facts.syntax?.state??(facts.parse?"here":"none"))==="none",attribute(this.syntax,
"title",facts.syntax?.note||SYNTAX);let waits=facts.syntax?.state==="later"&&state.get("show_syntax");write(this.syntax,waits?"Syntax …":"Syntax"),attribute(this.
syntax,"aria-busy",waits?"true":null),attribute(this.syntax,"aria-pressed",String(!!state.get("show_syntax"))),this.arcs.update()}#lead(a,b){let{facts}=this.scope.
state;if(this.scope.maps.looks()){write(this.title,"Where a place looks"),write(this.means,"Bright: what the marked place attends to in the image itself.");return}
let of=`${facts.title??"Attention to"} “`;b===void 0?writeMixed(this.title,[of,a,"”"]):writeMixed(this.title,[of,a,"” (A) and “",b,"” (B)"]);let difference=this.
scope.state.get("view")==="difference",lead=`${facts.reading??READING} ${isCoarse()?LEAD_FINGER:LEAD}`;write(this.means,b===void 0?lead:difference?LEAD_DIFFERENCE:
LEAD_PAIR)}#build(words){let kind=this.scope.state.facts.kind??"attention";this.buttons=words.map((word,i)=>chip(word,i,kind)),this.inText=inOrder2(words),this.
stands=""}#arrange(){let order=this.scope.state.get("show_syntax")&&this.scope.state.facts.parse?this.inText:this.words.order(this.inText),stands=order.join(" ");
if(stands===this.stands)return;this.stands=stands;let focused=this.order.find(button=>button.matches(":focus"))?.dataset.word;this.order=order.map(i=>this.buttons[i]),
this.list.replaceChildren(...this.order.flatMap(chip2=>this.phrases.withCloser(chip2))),focused!==void 0&&this.buttons[Number(focused)]?.focus(),this.seen=-1}#reveal(word){
if(word===this.seen)return;let chip2=this.buttons[word],{list:list2}=this;if(!chip2||list2.clientHeight===0)return;this.seen=word;let top=chip2.offsetTop;(top<list2.
scrollTop||top+chip2.offsetHeight>list2.scrollTop+list2.clientHeight)&&(list2.scrollTop=top-2)}};function inOrder2(words){let place=i=>{let{kind,tokens}=words[i];
return(kind==="phrase"?tokens[tokens.length-1]:tokens[0])??1/0},before2=(p,q)=>place(p)===place(q)?p-q:place(p)-place(q);return words.map((_,i)=>i).sort(before2)}
function chip(word,index,kind){return el("button",{class:"daam-chip",type:"button",role:"radio","data-testid":"chip","data-word":index,"data-kind":word.kind??(word.
special?"sign":"word"),disabled:!word.kept,title:titleOf(word,kind)},el("span",{class:"daam-chip-text",dir:"auto",text:word.text}),el("span",{class:"daam-chip-m\
ark","aria-hidden":"true"}))}function titleOf(word,kind){if(!word.kept)return word.tokens.length>0?`This recording keeps no ${kind} of this word`:"The model did\
 not read this word: it lies behind its last token";let pieces=word.pieces?.length>1?` (${word.pieces.join(" + ")})`:"",tokens=word.tokens.length>1?`tokens ${word.
tokens.join(", ")}`:`token ${word.tokens[0]}`;return`${KINDS3[word.kind??"word"]??""}${tokens}${pieces}`}var KINDS3={phrase:"Several words together, ",piece:"A \
piece of a word, ",sign:"A sign, ",start:"The start of the text, ",end:"The end of the text, ",padding:"Padding after the text, "};function toggle2(text,id,title){
return el("button",{class:"daam-button daam-toggle",type:"button","aria-pressed":"false","data-testid":id,title,text})}var ROWS=8,COMPARABLE="Sizes may be compared between words.",NOT_COMPARABLE="Sizes are not comparable between words: some have higher values everywhere.",LIFT="\
Lift: the share of the words’ values here over the share in the whole image. 1 is the line.",BAND2={true:"other regions of this size",false:"all places"},Ranking=class{constructor(scope){
this.scope=scope,this.element=el("ol",{class:"daam-ranking","data-testid":"ranking"})}show(rows2,{stale:stale2,region}){let{state}=this.scope,{element}=this,by=state.
get("rank_by"),shown=inOrder(rows2,by).slice(0,state.get("projector")?6:ROWS),most2=Math.max(1e-12,...shown.map(row=>row.value));for(attribute(element,"data-sta\
le",stale2),attribute(element,"data-by",by);element.children.length<shown.length;)element.append(rankRow());for(;element.children.length>shown.length;)element.lastElementChild?.
remove();shown.forEach((row,i)=>{let item=element.children[i],[word,lift,bar,share3]=[...item.children];write(word,wordText(state.facts,row.word)),attribute(item,
"data-word",row.word),attribute(item,"data-role",roleOf(row.word,state)),write(lift,row.lift===void 0?"…":`× ${times2(row.lift)}`),write(share3,`${Math.round(
100*row.share)} %`),by==="lift"?drawLift(bar,row):drawShare(bar,row.value/most2),attribute(item,"title",this.#title(row,region))})}#title(row,region){let share3=`${(100*
row.share).toFixed(1)} % of the words`,value=`${unitText(this.scope.state.facts)} ${short2(row.value)}, ${share3}`;if(row.lift===void 0)return value;let band=row.
chance?`, × ${times2(row.chance[0])} to × ${times2(row.chance[1])} in 90 % of ${BAND2[`${region}`]}`:"";return`${value}; lift × ${times2(row.lift)}${band}`}reading(lifts,region){
let{state}=this.scope;if(state.get("rank_by")!=="lift"){let scale=state.facts.comparable?COMPARABLE:NOT_COMPARABLE;return[scale,`Ranked by share of the words’ v\
alues here. ${scale}`]}if(!lifts){let waiting="The lifts are on their way; until then the order is by share.";return[waiting,waiting]}let band=`Gray: 90 % of ${BAND2[`${region}`]}\
.`;return[band,`${LIFT} ${band}`]}spoken(rows2){let{state}=this.scope;return inOrder(rows2,state.get("rank_by")).slice(0,3).map(row=>{let lift=row.lift===void 0?
"":` lift ${times2(row.lift)},`;return`${wordText(state.facts,row.word)}${lift} ${Math.round(100*row.share)} percent`}).join("; ")}};function placeOf(lift){return lift/
(1+lift)}function times2(value){return value>=9.95?String(Math.round(value)):value.toFixed(value>=.095||value===0?1:2)}function drawLift(bar,{lift,chance}){let[
band,fill3,line]=[...bar.children],percent2=share3=>`${100*share3}%`;if(line.hidden=lift===void 0,band.hidden=!chance,chance){let[low,high]=chance.map(placeOf);
band.style.insetInlineStart=percent2(low),band.style.width=percent2(Math.max(.02,high-low))}fill3.style.width=percent2(lift===void 0?0:placeOf(lift))}function drawShare(bar,part){
let[band,fill3,line]=[...bar.children];band.hidden=line.hidden=!0,fill3.style.width=`${100*part}%`}function roleOf(word,state){return word===state.get("word")?"\
a":word===state.get("word_b")?"b":null}function rankRow(){return el("li",{class:"daam-rank","data-testid":"rank"},el("span",{class:"daam-rank-word",dir:"auto"}),
el("span",{class:"daam-rank-lift"}),el("span",{class:"daam-rank-bar"},el("span",{class:"daam-rank-band"}),el("span",{class:"daam-rank-fill"}),el("span",{class:"\
daam-rank-one"})),el("span",{class:"daam-rank-value"}))}var Inspector=class{constructor(scope){this.scope=scope,this.place=null,this.here=null,this.inside=null,this.whole=null,this.background=new Asker(scope.source,(question,parts)=>this.#gotBackground(
question,parts)),this.words=new Asker(scope.source,(question,parts)=>this.#gotWords(question,parts)),this.region=new Asker(scope.source,(question,parts)=>this.#gotRegion(
question,parts)),this.aloud=!1,this.shown=void 0,this.ownSince=-1/0,this.later=void 0,this.title=el("h3",{class:"daam-title",text:"Words here"}),this.where=el("\
span",{class:"daam-muted"}),this.clear=el("button",{class:"daam-button daam-only-icon",type:"button",title:"Clear the region (Esc)","aria-label":"Clear the regi\
on","data-testid":"clear-region",hidden:!0},icon("close")),this.clear.addEventListener("click",()=>scope.input("region",()=>scope.state.set({region:[]}))),this.
ranking=new Ranking(scope),this.order=inputsOf(scope,"ranking"),this.hint=el("p",{class:"daam-hint",text:isCoarse()?"Tap the image: the words whose maps are hig\
h there.":"Point at the image: the words whose maps are high there."}),this.bySteps=bars("region-steps"),this.byLayers=bars("region-layers"),this.note=el("p",{class:"\
daam-hint","data-testid":"ranking-note"}),this.element=el("div",{class:"daam-inspector","data-testid":"inspector"},el("div",{class:"daam-panel"},el("div",{class:"\
daam-title-row"},this.title,el("span",{class:"daam-space"}),this.clear),el("div",{class:"daam-rank-tools"},this.where,el("span",{class:"daam-space"}),...Object.
values(this.order).map(one=>one.label)),this.hint,this.ranking.element,this.note),this.bySteps.element,this.byLayers.element)}point(place,aloud=!1){place!==null&&
this.polygon||(this.place=place,this.aloud=aloud,this.scope.invalidate(PANEL))}get polygon(){let polygon=this.scope.state.get("region");return polygon.length>=3?
polygon:null}get askers(){return[this.words,this.background,this.region]}get problem(){return this.region.problem||this.words.problem||this.background.problem}get#selection(){
let{source,state}=this.scope,{choice,layer,head,steps,special}=state.sel;return JSON.stringify([source.run,choice,layer,head,steps,special])}get#ofRegion(){return JSON.
stringify([this.#selection,this.scope.state.get("word"),this.polygon])}#gotWords(question,parts){let part=parts?.find(({name})=>name==="words");if(part){let{y,x}=question.
at,of=this.#asked(question);this.here={of,place:[y,x],value:part.rows,note:part.note??""}}this.scope.invalidate(PANEL)}#gotBackground(question,parts){let part=parts?.
find(({name})=>name==="background");part&&(this.whole={of:this.#asked(question),place:[0,0],value:part.rows,note:""}),this.scope.invalidate(PANEL)}get#rowsHere(){
let{here,whole}=this;return here?whole?.of===here.of?lifted(here.value,whole.value):here.value:[]}#gotRegion(question,parts){let part=parts?.find(({name})=>name===
"region");if(part){let{polygon}=question.at,of=JSON.stringify([this.#asked(question),question.sel.word,polygon]);this.inside={of,place:polygon[0],value:part,note:part.
note??""},of===this.#ofRegion&&this.scope.say(`Region: ${this.ranking.spoken(part.rows)}`)}this.scope.invalidate(PANEL)}#asked({sel}){let{choice,layer,head,steps,
special}=sel;return JSON.stringify([this.scope.source.run,choice,layer,head,steps,special])}#ask(){let{state}=this.scope,{polygon,place}=this;polygon&&(this.place=
null);let{sel}=state,lacksRegion=polygon&&this.inside?.of!==this.#ofRegion;(!state.moving||!lacksRegion)&&this.region.want(lacksRegion?{want:["region"],sel,at:{
polygon}}:null);let[y,x]=place??[0,0],{here}=this,lacks=!here||here.of!==this.#selection||here.place[0]!==y||here.place[1]!==x,pointed=place&&!polygon&&lacks;this.
words.want(pointed?{want:["words"],sel,at:{y,x}}:null);let lacksWhole=place&&!polygon&&!state.moving&&!state.get("playing")&&this.whole?.of!==this.#selection;this.
background.want(lacksWhole?{want:["background"],sel}:null)}update(what){this.#ask();let{scope,polygon}=this,region=polygon&&this.inside?.of===this.#ofRegion?this.
inside:null,own=this.here?.of===this.#selection;own&&(this.ownSince=performance.now());let here=this.place&&(own||this.#lingers)?this.here:null,rows2=region?region.
value.rows:here?this.#rowsHere:[],lifts=rows2.every(({lift})=>lift!==void 0);here&&own&&lifts&&this.aloud&&String(here.place)===String(this.place)&&(this.aloud=
!1,scope.say(this.ranking.spoken(rows2)));let shown=region??here;if(shown===this.shown&&!(what&(PANEL|WORDS)))return;this.shown=shown,write(this.title,polygon?"\
Words in the region":"Words here"),this.clear.hidden=!polygon,this.hint.hidden=!!(shown||polygon),this.#locate(here?.place??null),this.ranking.show(rows2,{stale:!!(here&&
!own),region:!!region});for(let input2 of Object.values(this.order))input2.show(),input2.label.hidden=!shown;attribute(this.element,"data-filled",rows2.length>0);
let waiting=polygon&&!region&&!this.problem,{facts}=scope.state,[brief,reading]=this.ranking.reading(lifts,!!region),notes=shown?[brief,shown.note]:[];attribute(
this.note,"title",shown?reading:null),write(this.note,waiting?"The words of the region are on their way.":notes.filter(Boolean).join(" "));let word=facts.words?.[region?.
value.bars_of??scope.state.get("word")]?.text??"";this.bySteps.show(`“${word}” by step`,region?.value.by_step??null,i=>`step ${facts.steps[i]?.place}, ${timestepText(
facts,i)}`),this.byLayers.show(`“${word}” by layer`,region?.value.by_layer??null,i=>facts.layers[i]?.label??String(i)),attribute(this.element,"data-region",
!!region)}get#lingers(){let left=this.ownSince+times.linger-performance.now();return clearTimeout(this.later),left>0&&(this.later=setTimeout(()=>this.scope.invalidate(
PANEL),left+10)),left>0}#locate(place){let[height,width]=this.scope.state.facts.image??[1,1],cell=(share3,side)=>Math.min(side-1,Math.floor(share3*side));write(
this.where,place?`x ${cell(place[1],width)}, y ${cell(place[0],height)}`:"")}destroy(){clearTimeout(this.later),this.words.destroy(),this.background.destroy(),this.
region.destroy()}};function bars(id){let heading=el("h3",{class:"daam-title",dir:"auto"}),row=el("div",{class:"daam-bars",role:"img","data-testid":id}),most2=el(
"span",{class:"daam-muted"}),element=el("div",{class:"daam-panel daam-bars-panel",hidden:!0},el("div",{class:"daam-title-row"},heading,el("span",{class:"daam-sp\
ace"}),most2),row);function show2(title,values,name){if(element.hidden=!values,!values)return;write(heading,title);let max=Math.max(1e-12,...values.map(value=>value??
0)),best=values.indexOf(max);write(most2,best>=0?`most: ${name(best)}`:""),attribute(row,"aria-label",`${title}: most at ${best>=0?name(best):"none"}`),row.replaceChildren(
...values.map((value,i)=>{let text=`${name(i)}: ${value===null?"not chosen":short2(value)}`,bar=el("span",{});return bar.style.height=`${100*(value??0)/max}%`,el(
"span",{class:"daam-bar","data-none":value===null,title:text},bar)}))}return{element,show:show2}}var LIST=[["← →","on the words: show the next word; with Shift: compare the next word"],["Ctrl+Shift+← →","on the words: extend the word to a phrase; De\
lete dismisses it"],["← → ↑ ↓","on the image: move the crosshair; Enter begins and ends a box"],["← → ↑ ↓","on the grid: move; Enter locks a hea\
d, with Shift: one more, or one less"],["← →","on a step handle: one step; Page Up/Down: five; Home, End"],["Space","play or pause"],[", .","the range of st\
eps back or on by one"],["a","all steps"],["c","compare a second word, or stop"],["x","swap A and B"],["t","contour on or off"],[KEY,"held down: the image alone"],
["w","what if: the image drawn again without a word"],["Esc","back: region, then head and layer, then comparison"]],Keys=class{constructor(scope,{root,signal,steps,
chips,bare,whatIf}){this.scope=scope,this.steps=steps,this.chips=chips,this.bare=bare,this.whatIf=whatIf,root.addEventListener("keydown",event=>this.#key(event));
let keep=event=>{let target=event.composedPath()[0];target instanceof Element&&root.contains(target)&&attribute(target,"data-lm-suppress-shortcuts",!modified(event))};
window.addEventListener("keydown",keep,{capture:!0,signal})}#key(event){if(modified(event)||(event.stopPropagation(),event.defaultPrevented))return;let target=event.
target;if(target.closest("select, input:not([type=range])"))return;let does=this.#action(event.key,target);does&&(event.preventDefault(),this.scope.input("key",
does))}#action(key,target){let{steps,chips}=this,{state}=this.scope;switch(key){case" ":return target.closest("button, summary")?null:()=>steps.toggle();case",":
return()=>steps.shift(-1);case".":return()=>steps.shift(1);case"a":return()=>state.set(state.stepsAt(0,state.facts.steps.length));case"c":return()=>chips.setComparing(
!chips.on);case"x":return()=>chips.swapWords();case KEY:return()=>this.bare.hold(!0);case"t":return()=>state.set({contour:!state.get("contour")});case"w":return()=>this.
whatIf.toggle();case"Escape":return()=>this.#back();default:return null}}#back(){let{chips}=this,{state,maps}=this.scope;maps.hover&&(maps.hover=null,this.scope.
invalidate(MAP|SELECTION)),state.get("playing")?state.set({playing:!1}):state.get("region").length>0?state.set({region:[]}):state.chosen.layer>=0||state.chosen.
head!==-1?state.set({layer:-1,head:-1,heads:[]}):chips.on&&chips.setComparing(!1)}};function modified(event){return event.ctrlKey||event.metaKey||event.altKey}async function saveMask(scope){try{if(scope.source.capabilities.mask){let[part]=await scope.source.ask({want:["mask"],sel:scope.state.sel}),bytes=part.bytes;save(
new Blob([bytes],{type:"image/png"}),part.file??fileName(scope,"mask"))}else{let blob=await maskOf(scope);blob&&save(blob,fileName(scope,"mask"))}}catch(error){
scope.fail(error.message)}}function saveImage(scope,canvas){canvas.toBlob(blob=>{blob&&save(blob,fileName(scope,"image"))})}async function maskOf(scope){let shown=scope.
maps.shown(0);if(!shown)return null;let field2=new Enlarger(shown.height,shown.width,Math.max(...scope.state.facts.image)),values=field2.enlarge(shown.values),level=levelOf(
shown.max,scope.state.get("threshold")),canvas=document.createElement("canvas");canvas.width=field2.width,canvas.height=field2.height;let image=new ImageData(field2.
width,field2.height),pixels=new Uint32Array(image.data.buffer);for(let i=0;i<values.length;i++)pixels[i]=values[i]>=level?4294967295:4278190080;return canvas.getContext(
"2d")?.putImageData(image,0,0),new Promise(resolve=>canvas.toBlob(resolve))}function fileName(scope,what,ending="png"){return`daam-${(scope.state.facts.words[scope.
state.get("word")]?.text??"word").replace(/[^\p{L}\p{N}]+/gu,"-").slice(0,40)||"word"}-${what}.${ending}`}function save(blob,file){let link=document.createElement(
"a");link.href=URL.createObjectURL(blob),link.download=file,link.click(),setTimeout(()=>URL.revokeObjectURL(link.href),1e4)}var encoder=new TextEncoder,TABLE=Uint32Array.from({length:256},(_,n)=>{let value=n;for(let bit=0;bit<8;bit++)value=value&1?value>>>1^3988292384:value>>>1;return value}),
DATE=33;function zipped(files){let pieces=[],listed2=[],at=0;for(let{name,bytes}of files){let text=encoder.encode(name),common=numbers([[20,2],[2048,2],[0,2],[0,
2],[DATE,2],[crc(bytes),4],[bytes.length,4],[bytes.length,4],[text.length,2],[0,2]]);pieces.push(numbers([[67324752,4]]),common,text,bytes);let where=numbers([[
0,2],[0,2],[0,2],[0,4],[at,4]]);listed2.push(numbers([[33639248,4],[20,2]]),common,where,text),at+=4+common.length+text.length+bytes.length}let size=listed2.reduce(
(sum,piece)=>sum+piece.length,0),end=numbers([[101010256,4],[0,2],[0,2],[files.length,2],[files.length,2],[size,4],[at,4],[0,2]]);return[...pieces,...listed2,end]}
function crc(bytes){let value=4294967295;for(let byte of bytes)value=TABLE[(value^byte)&255]^value>>>8;return(value^4294967295)>>>0}function numbers(values){return Uint8Array.
from(values.flatMap(([value,size])=>Array.from({length:size},(_,i)=>value>>>8*i&255)))}var LONGEST3=512,WAIT=5e3,WHAT=[["overlay","map over the image"],["image","forming image"],["side_by_side","side by side"]],FILES=[{suffix:"gif",type:"image/gif",
text:"GIF"},{suffix:"webm",type:"video/webm",text:"WebM video"},{suffix:"zip",type:"application/zip",text:"PNG frames (zip)"}],NO_IMAGES="The images of the step\
s are not here: explore(run, images=forming_images(run, pipe)).",ONE_STEP="There is one step alone, so that nothing would move.",Film=class{constructor(scope,canvas){
this.scope=scope,this.canvas=canvas,this.making=null,this.what=el("select",{class:"daam-select","aria-label":"What the animation shows","data-testid":"film-what"},
...WHAT.map(([value,text])=>el("option",{value,text}))),this.as=el("select",{class:"daam-select","aria-label":"What the animation is saved as","data-testid":"fi\
lm-as"},...FILES.map(({suffix,text})=>el("option",{value:suffix,text}))),this.button=el("button",{class:"daam-button",type:"button","data-testid":"film",text:"S\
ave"}),this.button.addEventListener("click",()=>this.#make()),this.cancel=el("button",{class:"daam-button",type:"button",hidden:!0,"data-testid":"film-cancel",text:"\
Cancel"}),this.cancel.addEventListener("click",()=>this.making?.abort()),this.bar=el("progress",{class:"daam-progress","aria-label":"Frames drawn",hidden:!0}),this.
note=el("p",{class:"daam-hint",role:"status","data-testid":"film-note"}),this.element=el("div",{class:"daam-film",role:"group","aria-label":"Steps as animation"},
el("div",{class:"daam-title-row"},this.what,this.as,this.button,this.cancel,this.bar),this.note)}get#isLive(){return this.scope.source.capabilities.any}get#places(){
let[lo,hi]=this.scope.state.steps;return Array.from({length:hi-lo},(_,i)=>lo+i)}get#problem(){let{facts}=this.scope.state;return this.scope.state.count<2||facts.
summed?ONE_STEP:this.what.value!=="overlay"&&!facts.strip?NO_IMAGES:""}async#make(){let{scope}=this,problem=this.#problem;if(problem){write(this.note,problem);return}
let making=this.making=new AbortController;this.#show(0,0);try{let file=this.#isLive?await this.#drawnByKernel(making.signal):await this.#asFrames(making.signal);
save(file,fileName(scope,"steps",this.#isLive?this.as.value:"zip")),write(this.note,this.#isLive?"Saved.":"Saved: a zip of PNGs. GIFs and videos need a kernel.")}catch(error){
let stopped=making.signal.aborted||error instanceof Moot;write(this.note,stopped?"Cancelled: nothing was saved.":error.message)}this.making=null,scope.invalidate(
LOOK)}async#drawnByKernel(signal){let{source,state}=this.scope,job=Math.random().toString(36).slice(2),{sel}=state,film=this.what.value,{suffix,type}=FILES.find(
file=>file.suffix===this.as.value)??FILES[0],question={want:[],sel,type:"film",job,film,as:suffix};for(;;){let part=(await source.ask(question,{signal})).find(({
name})=>name==="film");if(!part)throw new Error("The kernel answered without an animation.");if(this.#show(part.count,part.of),part.bytes?.length)return new Blob(
[part.bytes],{type})}}async#asFrames(signal){let{state}=this.scope,places=this.#places,before2={steps:state.get("steps"),follow_step:state.get("follow_step")},files=[];
try{for(let place of places)state.set({...state.stepsAt(place,place+1),follow_step:!!state.facts.strip}),await this.#drawn(signal),files.push({name:`step-${String(
place).padStart(4,"0")}.png`,bytes:await this.#frame(place)}),this.#show(files.length,places.length)}finally{state.set(before2)}return new Blob(zipped(files),{type:"\
application/zip"})}async#drawn(signal){let end=performance.now()+WAIT;for(let frames=0;;){if(await new Promise(resolve=>requestAnimationFrame(resolve)),signal.aborted)
throw new Moot("cancelled");if(frames=this.scope.maps.shown(0)&&!this.scope.maps.reduced(0)?frames+1:0,frames>=3)return;if(performance.now()>end)throw new Error(
"This page holds no map of single steps of this choice: choose all heads.")}}async#frame(place){let{state,images}=this.scope,[height,width]=state.facts.image,scale=Math.
min(1,LONGEST3/Math.max(height,width)),[high,wide]=[Math.round(scale*height),Math.round(scale*width)],film=this.what.value,canvas=document.createElement("canvas");
canvas.width=film==="side_by_side"?2*wide:wide,canvas.height=high;let context=canvas.getContext("2d");context.imageSmoothingQuality="high";let left=0;if(film!==
"overlay"){let forming=images.thumbnail(place);if(!forming||!images.strip)throw new Error(NO_IMAGES);let{x,y,width:w,height:h}=forming;context.drawImage(images.
strip,x,y,w,h,left,0,wide,high),left+=wide}film!=="image"&&context.drawImage(this.canvas,left,0,wide,high);let blob=await new Promise(resolve=>canvas.toBlob(resolve));
return new Uint8Array(await blob.arrayBuffer())}#show(count,all){this.bar.max=Math.max(1,all),this.bar.value=count,write(this.note,all?`Frame ${count} of ${all}`:
"Begins …"),this.update(LOOK)}update(what){if(!(what&(LOOK|STEPS|THEME)))return;let isMaking=this.making!==null;this.button.disabled=isMaking,this.what.disabled=
isMaking,this.as.disabled=isMaking,this.as.hidden=!this.#isLive;let written2=this.scope.state.facts.films??[];for(let option of this.as.options)written2.includes(
option.value)||(option.disabled=!0,option.title='The kernel lacks PyAV: pip install "daam_nb[video]"');this.cancel.hidden=!isMaking,this.bar.hidden=!isMaking,attribute(
this.button,"title",this.#problem||null)}destroy(){this.making?.abort()}};var SECONDS=2;function linkButton(scope){let{address}=scope.source;if(!address||window.location.protocol==="about:")return[];let text=el("span",{text:"Copy link"}),
button=el("button",{class:"daam-button",type:"button",title:"The address of this page with all that is chosen","data-testid":"copy-link"},text),field2=el("input",
{class:"daam-select",readonly:"",hidden:!0,"aria-label":"Link to this view","data-testid":"link"});return button.addEventListener("click",async()=>{address.write();
let copied=await copy(address.link);scope.say(copied?"Link copied":"Copy the link from the field"),field2.hidden=copied,field2.value=address.link,copied||field2.
select(),write(text,copied?"Copied":"Copy link"),setTimeout(()=>write(text,"Copy link"),SECONDS*1e3)}),[button,field2]}async function copy(text){try{return await navigator.
clipboard.writeText(text),!0}catch{return!1}}var Look=class{constructor(scope,{canvas,source}){this.scope=scope,this.inputs=inputsOf(scope,"look"),this.folded=inputsOf(scope,"more"),this.film=new Film(scope,
canvas);let mask=this.#button("Mask","mask-png","Save the mask as PNG",()=>saveMask(scope));attribute(mask,"aria-label","Save the mask as PNG");let image=this.#button(
"Image","image-png","Save what is shown as PNG",()=>saveImage(scope,canvas));this.element=el("div",{class:"daam-look",role:"group","aria-label":"Look"},...Object.
values(this.inputs).map(({label})=>label),el("div",{class:"daam-end"},el("span",{class:"daam-group"},mask,image),this.#more(source)))}#button(text,id,title,does){
let button=el("button",{class:"daam-button",type:"button",title,"data-testid":id},icon("download"),el("span",{text}));return button.addEventListener("click",does),
button}#more(source){let keys=el("dl",{class:"daam-keys"});for(let[key,text]of LIST)keys.append(el("dt",{text:key}),el("dd",{text}));let details=el("details",{class:"\
daam-more"},el("summary",{class:"daam-button","data-testid":"more",text:"More"}),el("div",{class:"daam-popover"},el("div",{class:"daam-title-row"},...Object.values(
this.folded).map(({label})=>label),...linkButton(this.scope)),el("h3",{class:"daam-title",text:"Steps as animation"}),this.film.element,el("h3",{class:"daam-tit\
le",text:"Recording"}),source,el("h3",{class:"daam-title",text:"Keys"}),keys));return details.addEventListener("keydown",event=>{event.key!=="Escape"||!details.
open||(event.preventDefault(),details.open=!1,details.querySelector("summary")?.focus())}),details}update(what){if(this.film.update(what),!!(what&(LOOK|WORDS|THEME)))
for(let{show:show2}of Object.values({...this.inputs,...this.folded}))show2()}destroy(){this.film.destroy()}};function roomOf(root){if(window!==window.parent)return null;let panel=panelOf(root);if(panel)return panel.clientHeight;let top=root.getBoundingClientRect().top+
window.scrollY,above2=top>0&&top<160?top:0;return window.innerHeight-above2-Math.min(above2,24)}function panelOf(root){let outermost=null;for(let node=parentOf(
root);node&&node!==document.body;node=parentOf(node))/auto|scroll/.test(getComputedStyle(node).overflowY)&&node.clientHeight>0&&node.clientHeight<=window.innerHeight&&
(outermost=node);return outermost}function parentOf(node){let tree=node.getRootNode();return node.parentElement??(tree instanceof ShadowRoot?tree.host:null)}function watchRoom(root){
let look=()=>{let room=roomOf(root);if(room===null)return;let text=`${Math.round(room)}px`;root.style.getPropertyValue("--daam-room")!==text&&root.style.setProperty(
"--daam-room",text)};window.addEventListener("resize",look);let panel=panelOf(root),sizes=new ResizeObserver(look);panel&&sizes.observe(panel);let placed2=requestAnimationFrame(
look);return look(),()=>{cancelAnimationFrame(placed2),window.removeEventListener("resize",look),sizes.disconnect()}}var Images=class{constructor(scope){this.scope=scope,this.image=null,this.strip=null,this.bytes={image:void 0,strip:void 0};let read2=()=>{this.#decode("image"),
this.#decode("strip")};read2(),this.stop=scope.source.on("parts",read2)}async#decode(name){let part=this.scope.source.images[name],bytes=part?.bytes;if(bytes!==
this.bytes[name]&&(this.bytes[name]=bytes,this[name]=null,this.scope.invalidate(BASE|MAP|STRIP),!(!part||!bytes)))try{let blob=new Blob([bytes],{type:part.type}),
bitmap=await createImageBitmap(blob);if(this.bytes[name]!==bytes)return;this[name]=bitmap,this.scope.invalidate(BASE|MAP|STRIP)}catch{this.scope.say("The image \
could not be read.")}}thumbnail(step){let strip=this.scope.state.facts.strip;if(!strip||!this.strip||strip.count===0)return null;let nearest=0;strip.places.forEach(
(place,k)=>{Math.abs(place-step)<Math.abs(strip.places[nearest]-step)&&(nearest=k)});let columns2=strip.columns??strip.count,[height,width]=strip.size??[this.strip.
height,this.strip.width/strip.count];return{x:nearest%columns2*width,y:Math.floor(nearest/columns2)*height,width,height}}};var Scope=class{constructor({source,state,maps,invalidate,input:input2,say,fail,lingering}){this.source=source,this.state=state,this.maps=maps,this.invalidate=invalidate,
this.input=input2,this.say=say,this.fail=fail,this.lingering=lingering,this.images=new Images(this)}get mayLinger(){return this.lingering()}get isAbsent(){return!this.
source.capabilities.any&&!this.mayLinger}get dots(){return Math.min(2,window.devicePixelRatio||1)}};var QUIET=500,Status=class{constructor(scope,{problems,describe:describe2,overlap:overlap2}){this.scope=scope,this.problems=problems,this.describe=describe2,this.
overlap=overlap2,this.line=el("p",{class:"daam-status-line","data-testid":"status"}),this.live=el("p",{class:"daam-hidden",role:"status","aria-live":"polite","d\
ata-testid":"live"}),this.notice=el("p",{class:"daam-notice",role:"alert","data-testid":"notice",hidden:!0}),this.info=el("p",{class:"daam-hint","data-testid":"\
info"}),this.origin=el("p",{class:"daam-hint"}),this.source=el("p",{class:"daam-source","data-testid":"provenance"}),this.element=el("footer",{class:"daam-foot"},
this.notice,this.line,this.origin,this.info,this.live),this.timer=void 0,this.problem=""}#parts(shown){let{state,maps}=this.scope,{facts}=state,text=name=>facts.
words?.[state.get(name)]?.text??"";if(shown?.of){let{layers,head,lo,hi}=shown.of;return["“",text("word"),`” · ${tileText(facts,layers,head)} · ${stepsText(
facts,lo,hi)}`]}if(shown?.looks){let[y,x]=shown.looks.place.map(share3=>share3.toFixed(2)),steps=shown.looks.all?"all steps":stepsText(facts,...state.steps);return[
`Where the place ${y}, ${x} looks · all self-attention · ${steps}`]}let where=` · ${layersText(state)} · ${stepsText(facts,...shown?.over??state.steps)}`;return maps.
comparing?["“",text("word"),"” (A) and “",text("word_b"),`” (B)${where}`]:["“",text("word"),`”${where}`]}update(what){let seen2=MAP|LOOK|WORDS|STEPS|
SELECTION;if(what&PANEL&&this.#notice(),!(what&seen2))return;let{maps,state}=this.scope,shown=maps.shown(0),missing=!shown||maps.comparing&&!shown.of&&!shown.looks&&
!maps.shown(1),none=this.scope.isAbsent?"no map in this page":"waiting for the map",numbers2=missing?none:`peak ${short2(shown.max)} · ${WORDS2[shown.kind]}`,parts=this.#parts(
missing?null:shown);parts[parts.length-1]+=` · ${numbers2}`,writeMixed(this.line,parts),this.describe(`${this.line.textContent}. ${HOW}`),this.#source(),this.#notice(),
clearTimeout(this.timer),state.get("playing")||(this.timer=setTimeout(()=>this.say(`${this.line.textContent}${this.#compared()}`),QUIET))}#compared(){let{maps}=this.
scope;return maps.comparing&&!maps.hover&&maps.shown(1)?` · IoU ${this.overlap().iou.toFixed(2)}`:""}#source(){let{facts}=this.scope.state,rest=[facts.seed===null||
facts.seed===void 0?"no seed":`seed ${facts.seed}`,facts.scheduler,facts.version?`daam_nb ${facts.version}`:null,facts.parse&&this.scope.state.get("show_syntax")?
`parser ${facts.parse.parser}`:null].filter(Boolean).join(" · ");writeMixed(this.origin,["",facts.model??"",` · ${rest}`]),writeMixed(this.source,["“",facts.
prompt??"","” · ",facts.model??"",` · ${rest}`])}#notice(){let{state,source}=this.scope,{facts}=state,lines=[this.problem,source.trouble,this.problems().find(
Boolean)??"",source.capabilities.any?"":this.#missing()].filter(Boolean);this.notice.hidden=lines.length===0,write(this.notice,lines.join(" "));let info=[state.
get("show_syntax")&&!facts.parse?facts.syntax?.note??"":"",facts.reduced??[],facts.left_out??[]].flat();write(this.info,info.filter(Boolean).join(" ")),this.info.
hidden=this.info.textContent===""}#missing(){let{maps,state}=this.scope;if(maps.hover||maps.stack(0)||!state.facts.layers)return"";if(maps.reduced(0)){let{over}=maps.
reduced(0);return String(over)===String(state.steps)?"":"Of these heads the page holds the mean of all steps, which is shown."}let tile=maps.shown(0)?" Its tile\
 is shown instead.":"";return`${layersText(state)}: not embedded in this page.${tile}`}fail(text){this.problem=text,this.#notice()}say(text){clearTimeout(this.timer),
write(this.live,text)}destroy(){clearTimeout(this.timer)}},HOW="Arrow keys move a crosshair, Enter begins and ends a box.",WORDS2={exact:"exact map",preview:"pr\
eview (mean of per-step maps)",reduced:"all steps alone, from 8-bit maps of heads",tile:"one tile, enlarged",looks:"1: to all cells alike"};var NARROWEST=44,TALLEST=76,CURVE=14,Strip=class{constructor(scope){this.scope=scope,this.canvas=el("canvas",{class:"daam-strip-canvas","data-testid":"strip"}),
this.context=this.canvas.getContext("2d"),this.small=document.createElement("canvas"),this.before=el("div",{class:"daam-shade"}),this.after=el("div",{class:"daa\
m-shade"}),this.element=el("div",{class:"daam-strip",title:"The map of each step: click a step, or drag over several"},this.canvas,this.before,this.after)}range(left,right){
this.before.style.width=`${left}%`,this.after.style.left=`${right}%`,this.after.style.width=`${100-right}%`}update(what){if(!(what&(STRIP|THEME)))return;let{scope}=this,
stack=scope.maps.stack(0);if(!stack){scope.mayLinger||this.context.clearRect(0,0,this.canvas.width,this.canvas.height);return}let other=scope.maps.comparing?scope.
maps.stack(1):null,across=this.element.clientWidth;if(across<10)return;let count=stack.steps,shown=Math.max(1,Math.min(count,Math.floor(across/NARROWEST))),cell=across/
shown,[height,width]=scope.state.facts.image??[1,1],room=parseFloat(getComputedStyle(this.element).maxHeight)-CURVE-6||TALLEST,tall=Math.max(16,Math.round(Math.
min(room,(cell-4)*height/width))),scale=scope.dots;this.element.style.height=`${tall+CURVE+6}px`,this.canvas.width=Math.round(across*scale),this.canvas.height=Math.
round((tall+CURVE+6)*scale);let size={cell:cell*scale,tall:tall*scale,wide:tall*width/height*scale};for(let k=0;k<shown;k++){let step=Math.floor((k+.5)*count/shown);
this.#thumbnail(step,(k+.5)*size.cell-size.wide/2,size,stack,other)}this.#curve(stack,!1,size.tall+4*scale,scale),other&&this.#curve(other,!0,size.tall+4*scale,
scale)}#thumbnail(step,left,size,stack,other){let{context,scope}=this,{images,state}=scope,from=images.thumbnail(step);context.save(),context.beginPath(),context.
roundRect(left,0,size.wide,size.tall,3*scope.dots),context.clip(),context.fillStyle="#8884",context.fillRect(left,0,size.wide,size.tall),from&&images.strip?context.
drawImage(images.strip,from.x,from.y,from.width,from.height,left,0,size.wide,size.tall):images.image&&context.drawImage(images.image,left,0,size.wide,size.tall),
other&&(from||images.image)&&fade(context,left,0,size.wide,size.tall),context.globalAlpha=Math.max(.35,state.get("opacity")),this.#map(step,left,size,stack,other),
context.restore()}#map(step,left,size,stack,other){let image=new ImageData(stack.width,stack.height),pixels=new Uint32Array(image.data.buffer),[a,b]=[countsOf(stack,
step),other?countsOf(other,step):null];b?paintPair(a.counts,a.max,b.counts,b.max,pixels):paint(a.counts,a.max,palette(this.scope.state.get("colormap")),pixels),
this.small.width=stack.width,this.small.height=stack.height,this.small.getContext("2d").putImageData(image,0,0),this.context.drawImage(this.small,left,0,size.wide,
size.tall)}#curve(stack,dashed,top,scale){let{context}=this,area=stack.height*stack.width,means2=[...stack.scales].map((unit,t)=>{let sum=0;for(let i=t*area;i<(t+
1)*area;i++)sum+=stack.counts[i];return sum*unit}),max=Math.max(...means2)||1,style=getComputedStyle(this.element),cell=this.canvas.width/stack.steps,height=CURVE*
scale;context.strokeStyle=style.getPropertyValue(dashed?"--daam-b":"--daam-curve")||"#888",context.lineWidth=1.5*scale,context.setLineDash(dashed?[4*scale,3*scale]:
[]),context.beginPath(),means2.forEach((mean,t)=>{context.lineTo((t+.5)*cell,top+height-mean/max*(height-scale))}),context.stroke(),context.setLineDash([]),!dashed&&
(context.lineTo((means2.length-.5)*cell,top+height),context.lineTo(.5*cell,top+height),context.fillStyle=context.strokeStyle,context.globalAlpha=.14,context.fill(),
context.globalAlpha=1)}};function countsOf(stack,step){let area=stack.height*stack.width,counts=stack.counts.subarray(step*area,(step+1)*area),strongest=stack.scales.
reduce((most2,scale)=>Math.max(most2,scale),0),max=stack.scales[step]>0?255*strongest/stack.scales[step]:0;return{counts,max}}var PAGE=5,Steps=class{constructor(scope){this.scope=scope,this.playIcon=icon("play"),this.play=el("button",{class:"daam-button daam-play",type:"button","data-t\
estid":"play"},this.playIcon),this.play.addEventListener("click",()=>scope.input("play",()=>this.toggle())),this.handles=[this.#handle("lo","first step"),this.#handle(
"hi","last step")],this.fill=el("div",{class:"daam-fill","data-testid":"steps-fill"}),this.slider=el("div",{class:"daam-slider","data-testid":"steps-slider"},el(
"div",{class:"daam-rail"}),this.fill,...this.handles),this.strip=new Strip(scope),this.text=el("span",{class:"daam-steps-text","data-testid":"steps-text"}),this.
time=el("span",{class:"daam-muted"}),this.all=el("button",{class:"daam-button",type:"button",text:"All",title:"All steps (a)","data-testid":"steps-all"}),this.all.
addEventListener("click",()=>scope.input("steps",()=>scope.state.set(scope.state.stepsAt(0,this.count)))),this.element=el("div",{class:"daam-steps",role:"group",
"aria-label":"Steps"},this.play,el("div",{class:"daam-track"},this.strip.element,this.slider),el("div",{class:"daam-steps-read"},this.text,this.time,this.all)),
this.#drag(this.slider,event=>this.#grip(event)),this.#drag(this.strip.element,event=>this.#brush(event))}get count(){return this.scope.state.count}#handle(name,label){
return el("div",{class:"daam-handle",role:"slider",tabindex:"0","aria-label":label,"aria-orientation":"horizontal","data-testid":`step-${name}`,on:{keydown:event=>this.#key(
event,name)}})}#key(event,name){let moves={ArrowLeft:-1,ArrowDown:-1,ArrowRight:1,ArrowUp:1,PageDown:-PAGE,PageUp:PAGE},[lo,hi]=this.scope.state.steps,ends={Home:-this.
count,End:this.count},move={...moves,...ends}[event.key];move!==void 0&&(event.preventDefault(),this.scope.input("steps",()=>{name==="lo"?this.choose(Math.min(hi-
1,Math.max(0,lo+move)),hi):this.choose(lo,Math.max(lo+1,Math.min(this.count,hi+move)))}))}choose(lo,hi,when="soon"){let{state}=this.scope;state.get("playing")&&
state.set({playing:!1}),state.set(state.stepsAt(lo,hi),when)}shift(by){let[lo,hi]=this.scope.state.steps,start=Math.min(this.count-(hi-lo),Math.max(0,lo+by));this.
choose(start,start+hi-lo)}#drag(area,begin){area.addEventListener("pointerdown",event=>{if(event.button!==0)return;event.preventDefault(),area.setPointerCapture(
event.pointerId);let box=this.slider.getBoundingClientRect(),at=e=>(e.clientX-box.left)/box.width*this.count,move=begin(event),moved=e=>this.scope.input("steps",
()=>move(at(e))),ended=()=>{area.removeEventListener("pointermove",moved),area.removeEventListener("pointerup",ended),area.removeEventListener("pointercancel",ended),
this.scope.state.set({},"now")};area.addEventListener("pointermove",moved),area.addEventListener("pointerup",ended),area.addEventListener("pointercancel",ended),
moved(event)})}#grip(event){let[lo,hi]=this.scope.state.steps,box=this.slider.getBoundingClientRect(),start=(event.clientX-box.left)/box.width*this.count,near=12/
box.width*this.count;if(!(Math.min(Math.abs(start-lo),Math.abs(start-hi))<near)&&start>lo&&start<hi&&hi-lo<this.count)return at=>{let first=Math.round(Math.min(
this.count-(hi-lo),Math.max(0,lo+at-start)));this.choose(first,first+hi-lo)};let low=start<lo||start<hi&&start-lo<hi-start;return this.handles[low?0:1].focus({preventScroll:!0}),
at=>{let place=Math.round(at);low?this.choose(Math.min(hi-1,Math.max(0,place)),hi):this.choose(lo,Math.max(lo+1,Math.min(this.count,place)))}}#brush(event){let box=this.
slider.getBoundingClientRect(),cell=at=>Math.min(this.count-1,Math.max(0,Math.floor(at))),first=cell((event.clientX-box.left)/box.width*this.count);return at=>{
let last=cell(at);this.choose(Math.min(first,last),Math.max(first,last)+1)}}toggle(){let{state}=this.scope,playing=!state.get("playing"),[lo,hi]=state.steps;playing&&
hi-lo===this.count?state.set({playing,...state.stepsAt(0,1)}):state.set({playing})}update(what){let{state}=this.scope;if(this.strip.update(what),!(what&(STEPS|WORDS)))
return;let playing=!!state.get("playing");setIcon(this.playIcon,playing?"pause":"play"),attribute(this.play,"aria-label",playing?"Pause":"Play the steps"),attribute(
this.play,"title",playing?"Pause (Space)":"Play the steps (Space)"),attribute(this.play,"aria-pressed",String(playing)),this.#show()}#show(){let{facts,steps}=this.
scope.state;if(attribute(this.element,"data-single",this.count===1),facts.summed){write(this.text,"All steps"),write(this.time,"kept as one sum");return}let[lo,
hi]=steps,left=100*lo/this.count,right=100*hi/this.count;this.handles[0].style.left=`${left}%`,this.handles[1].style.left=`${right}%`,this.fill.style.left=`${left}\
%`,this.fill.style.width=`${right-left}%`,this.strip.range(left,right),[lo,hi-1].forEach((step,i)=>{let handle=this.handles[i];attribute(handle,"aria-valuemin",
i===0?0:lo),attribute(handle,"aria-valuemax",i===0?hi-1:this.count-1),attribute(handle,"aria-valuenow",step),attribute(handle,"aria-valuetext",`${stepsText(facts,
step,step+1)}, ${timestepText(facts,step)}`)});let text=stepsText(facts,lo,hi);write(this.text,text.charAt(0).toUpperCase()+text.slice(1));let times3=[timestepText(
facts,lo),timestepText(facts,hi-1)];write(this.time,lo===hi-1?times3[0]:`${times3[0]} to ${times3[1].replace("t = ","")}`),this.all.disabled=hi-lo===this.count}};var Clock=class{constructor(){this.timings=[],this.pending=null}input(what,handler){let start=performance.now();handler();let end=performance.now();this.pending?
this.pending.work+=end-start:this.pending={what,input:start,work:end-start,drawn:0,painted:0}}drawn(start){let timing=this.pending;timing&&(this.pending=null,timing.
drawn=performance.now(),timing.work+=timing.drawn-start,this.timings.length>=2e3&&this.timings.splice(0,2e3/2),this.timings.push(timing),performance.mark(`daam:\
drawn:${timing.what}`),requestAnimationFrame(()=>{timing.painted=performance.now()}))}};var NONE={name:"drawing",key:"",job:null,state:"none"},LOST="The kernel knows nothing of this drawing any more. Draw again.",Drawing=class{constructor(scope,changed){
this.scope=scope,this.changed=changed,this.told=NONE,this.pictures=[],this.error="",this.cancelled=null,this.begins=!1,this.unwanted=!1,this.timer=void 0,this.stop=
new AbortController,this.ends=scope.source.on("facts",()=>this.#reset())}get isOpen(){return this.begins||this.told.state==="waiting"||this.told.state==="drawin\
g"}get isEnding(){return this.isOpen&&this.told.job!==null&&this.told.job===this.cancelled}look(){this.isOpen||this.#ask({type:"progress"})}async draw(change){this.
isOpen||(this.begins=!0,this.unwanted=!1,this.error="",this.told=NONE,this.pictures=[],this.changed(),await this.#ask({type:"draw",change}),this.unwanted&&this.
cancel())}cancel(){let{job}=this.told;this.unwanted=job===null&&this.begins,!(job===null||this.isEnding)&&(this.cancelled=job,this.#ask({type:"cancel",job}),this.
changed())}async#ask(message){let{source,state}=this.scope,{signal}=this.stop;clearTimeout(this.timer);let wasOpen=this.isOpen;try{let parts=await source.ask({want:[],
sel:state.sel,...message},{signal});if(signal.aborted)return;this.#take(parts,wasOpen)}catch(error){if(signal.aborted)return;error instanceof Moot?this.#later():
this.error=error.message}message.type==="draw"&&(this.begins=!1),this.changed()}#take(parts,wasOpen){let told=parts.find(({name})=>name==="drawing");if(!told)return;
told.job!==this.told.job&&(this.pictures=[]),told.state==="none"&&wasOpen&&!this.begins&&(this.error=LOST),this.told=told,told.error&&(this.error=told.error);let pictures=parts.
filter(({name,job})=>name==="picture"&&job===told.job);pictures.length>0&&(this.pictures=pictures),told.state==="waiting"||told.state==="drawing"?this.#later():
told.state==="done"&&this.pictures.length===0&&queueMicrotask(()=>this.#ask({type:"progress",pictures:!0}))}#later(){clearTimeout(this.timer),this.timer=setTimeout(
()=>this.#ask({type:"progress"}),times.drawing)}#reset(){this.stop.abort(),clearTimeout(this.timer),this.stop=new AbortController,this.told=NONE,this.pictures=[],
this.error="",this.begins=!1,this.changed()}destroy(){this.stop.abort(),clearTimeout(this.timer),this.ends()}};var HOWS=[["hide","Hide the word"],["ablate","Take its attention away"],["scale","Scale its attention"]],NO_KERNEL="This page has no kernel behind it, so nothin\
g can be drawn here. In a notebook: explore(run, pipe).",NO_PIPELINE="Drawing again needs the pipeline that drew this image: explore(run, pipe).",WhatIf=class{constructor(scope){
this.scope=scope,this.open=!1,this.addresses=[],this.shownJob="",this.spoken="",this.button=el("button",{class:"daam-button daam-toggle",type:"button",title:"Dr\
aw the image again without this word, or with more of it (w)","aria-expanded":"false","data-testid":"whatif-button",text:"What if"}),this.button.addEventListener(
"click",()=>this.toggle()),this.how=this.#select("how","What is changed",HOWS),this.of=this.#select("of","Of what",[["word","of this word"],["text","of all the \
text"]]),this.where=this.#select("where","Where",[["everywhere","everywhere"],["chosen","in what is chosen"]]),this.factor=el("input",{class:"daam-select daam-n\
umber",type:"number",min:"0",max:"100",step:"0.1",value:"2","aria-label":"Factor","data-testid":"whatif-factor"}),this.factor.addEventListener("input",()=>this.#show()),
this.times=el("label",{class:"daam-field"},el("span",{text:"×"}),this.factor),this.draw=el("button",{class:"daam-button daam-primary",type:"button","data-testi\
d":"whatif-draw"}),this.draw.addEventListener("click",()=>this.#press()),this.bar=el("progress",{class:"daam-progress","aria-label":"Steps drawn"}),this.step=el(
"span",{class:"daam-muted","data-testid":"whatif-step"}),this.progress=el("div",{class:"daam-whatif-progress"},this.bar,this.step),this.hint=el("p",{class:"daam\
-hint","data-testid":"whatif-hint"}),this.problem=el("p",{class:"daam-notice",role:"alert","data-testid":"whatif-problem"}),this.form=el("div",{class:"daam-what\
if-form",role:"group","aria-label":"What is changed"},this.how,this.times,this.of,this.where,this.draw),this.pictures=el("div",{class:"daam-whatif-pictures","da\
ta-testid":"whatif-pictures"}),this.summary=el("p",{class:"daam-whatif-summary","data-testid":"whatif-summary"}),this.title=el("h3",{class:"daam-title"}),this.live=
el("p",{class:"daam-hidden",role:"status","aria-live":"polite","data-testid":"whatif-live"}),this.element=this.#build(),this.drawing=new Drawing(scope,()=>this.#show()),
this.#show()}#build(){this.close=el("button",{class:"daam-button daam-only-icon",type:"button",title:"Close (Esc)","aria-label":"Close “What if”","data-test\
id":"whatif-close"},icon("close")),this.close.addEventListener("click",()=>this.show(!1));let element=el("section",{class:"daam-whatif","aria-label":"What if","\
data-testid":"whatif",hidden:!0},el("div",{class:"daam-whatif-head"},this.title,this.form,this.close),this.hint,this.progress,this.problem,this.pictures,this.summary,
this.live);return element.addEventListener("keydown",event=>{event.key==="Escape"&&(event.preventDefault(),this.show(!1))}),element}#select(name,label,options){
let select=el("select",{class:"daam-select","aria-label":label,"data-testid":`whatif-${name}`});for(let[value,text]of options)select.append(el("option",{value,text}));
return select.addEventListener("change",()=>this.#show()),select}toggle(){this.show(!this.open)}show(open){if(open!==this.open){if(this.open=open,this.element.hidden=
!open,attribute(this.button,"aria-expanded",String(open)),!open){this.button.focus();return}this.#show(),this.why?this.close?.focus():(this.drawing.look(),this.
how.focus())}}get why(){let{source,state}=this.scope;return source.capabilities.any?state.facts.what_if?state.facts.what_if.why:NO_PIPELINE:NO_KERNEL}get change(){
let how=this.how.value;if(how==="hide")return{how,of:"word",where:"everywhere"};let of=this.of.value==="text"?"text":"word",where=of==="text"||this.where.value===
"chosen"?"chosen":"everywhere";return how==="scale"?{how,of,where,factor:Number(this.factor.value)}:{how,of,where}}#press(){this.drawing.isOpen?this.drawing.cancel():
this.scope.input("what if",()=>void this.drawing.draw(this.change))}update(what){this.open&&what&(WORDS|MAP|SELECTION|STEPS)&&this.#show()}#show(){if(!this.drawing||
!this.open)return;let{drawing,why}=this,{told,isOpen}=drawing,{state}=this.scope,{facts}=state,word=facts.words?.[state.get("word")]?.text??"";writeMixed(this.title,
["What if: “",word,"”"]),this.form.hidden=!!why;let change=this.change;this.times.hidden=change.how!=="scale",this.of.hidden=this.where.hidden=change.how===
"hide",this.where.value=change.where,this.where.disabled=change.of==="text";for(let input2 of[this.how,this.of,this.factor])input2.disabled=isOpen;isOpen&&(this.
where.disabled=!0);let isNumber=this.factor.value!==""&&Number(this.factor.value)>=0;this.draw.disabled=!isOpen&&change.how==="scale"&&!isNumber,attribute(this.
draw,"aria-disabled",drawing.isEnding||null),write(this.draw,isOpen?"Cancel":"Draw again"),this.hint.hidden=!!why||isOpen||drawing.pictures.length>0,writeMixed(
this.hint,this.#meaning(change,word)),this.progress.hidden=!isOpen,isOpen&&this.#showStep(told);let error=told.state==="cancelled"?"Cancelled: no image was draw\
n.":drawing.error,problem=why||(isOpen?"":error);write(this.problem,problem),this.problem.hidden=problem==="",this.#showResult()}#meaning({how,of,where,factor},word){
let{state}=this.scope;if(how==="hide")return["“",word,"” is hidden in the text encoder and in every layer; the noise stays."];let chosen=`${layersText(state)}\
 · ${stepsText(state.facts,...state.steps)}`,place=where==="chosen"?`only in ${chosen}`:"in all layers, heads and steps",does=how==="ablate"?"becomes 0":`is mu\
ltiplied by ${factor}`;return of==="text"?[`The attention to all of the text ${does}, ${place}.`]:["The attention to “",word,`” ${does}, ${place}. Later tok\
ens still know of it.`]}#showStep({state,step=0,steps=0,left}){let text=this.drawing.isEnding?"ends after this step":state==="waiting"?"waiting: another image i\
s being drawn":step===0?"begins":step>=steps?`step ${step} of ${steps}, decoding the image`:`step ${step} of ${steps}${leftText(left)}`;steps>0?(this.bar.max=steps,
this.bar.value=step):this.bar.removeAttribute("value"),write(this.step,text);let quarter=steps>0?Math.floor(4*step/steps):0;this.#speak(`${state} ${quarter}`,`D\
rawing: ${text}`)}#showResult(){let{told,pictures,isOpen}=this.drawing,job=pictures.length>0&&!isOpen?String(told.job):"";if(this.summary.hidden=this.pictures.hidden=
job==="",job!==this.shownJob&&(this.shownJob=job,this.#forget(),this.pictures.replaceChildren(),job!=="")){for(let{bytes,type,caption,what}of pictures){let blob=new Blob(
[bytes],{type}),src=URL.createObjectURL(blob);this.addresses.push(src);let image=el("img",{src,alt:caption,"data-what":what});this.pictures.append(el("figure",{},
image,el("figcaption",{text:caption})))}write(this.summary,told.summary??""),this.#speak(`done ${job}`,`Drawn. ${told.summary??""}`)}}#speak(what,text){what!==this.
spoken&&(this.spoken=what,write(this.live,text))}#forget(){for(let address of this.addresses.splice(0))URL.revokeObjectURL(address)}destroy(){this.drawing.destroy(),
this.#forget()}};function leftText(seconds){return seconds==null?"":seconds<1?", less than 1 s left":seconds<90?`, about ${Math.round(seconds)} s left`:`, about\
 ${Math.round(seconds/60)} min left`}var Wanted=class{constructor(scope){this.scope=scope,this.asker=new Asker(scope.source,(question,parts)=>this.#answered(question,parts)),this.absent=new Set}get lacking(){
let{maps,state,source}=this.scope,{memory}=source,lacking=[],places=maps.comparing?[0,1]:[0];for(let which of places){let end=which?"_b":"";maps.reduced(which)||
(memory.stacks.get(maps.stackKey(which))||lacking.push(`stack${end}`),memory.exacts.get(maps.exactKey(which))||lacking.push(`exact${end}`))}return state.get("ti\
le_axes")==="steps"&&!maps.stepTiles()&&lacking.push("step_tiles"),!state.get("playing")&&!memory.tileSets.get(maps.tilesKey)&&lacking.push("tiles"),lacking.filter(
name=>!this.absent.has(this.#key(name)))}update(){let{state}=this.scope,{lacking}=this,first=lacking.filter(name=>/^(stack|exact)/.test(name)),stacks=lacking.filter(
name=>name.startsWith("stack")),want=state.moving?stacks:first.length>0?first:lacking;this.asker.want(want.length>0?{want,sel:state.sel}:null)}#answered(question,parts){
let{scope}=this;if(parts&&JSON.stringify(question.sel)===JSON.stringify(scope.state.sel)){let{lacking}=this;for(let name of question.want)lacking.includes(name)&&
this.absent.add(this.#key(name))}scope.invalidate(MAP|STRIP|GRID|STEPS|LOOK)}#key(name){let{maps}=this.scope,which=name.endsWith("_b")?1:0;return name.startsWith(
"stack")?`stack ${maps.stackKey(which)}`:name.startsWith("exact")?`exact ${maps.exactKey(which)}`:name==="tiles"?`tiles ${maps.tilesKey}`:`step_tiles ${maps.stepTilesKey}`}forget(){
this.absent.clear(),this.asker.retry()}destroy(){this.asker.destroy()}};var WIDE=1.5,View=class{constructor(source,parent){this.source=source,this.state=new State(source.model,{chosen:()=>source.chosen(),rested:()=>this.invalidate(0)}),
this.maps=new Maps(this.state,source),this.clock=new Clock,this.dirty=ALL,this.frame=0,this.sequence=0,this.waitingSince=0,this.drawn=void 0,this.resting=void 0,
this.stop=new AbortController;let scope=new Scope({source,state:this.state,maps:this.maps,invalidate:what=>this.invalidate(what),input:(what,handler)=>this.input(
what,handler),say:text=>this.status.say(text),fail:text=>this.status.fail(text),lingering:()=>this.mayLinger});this.scope=scope,this.wanted=new Wanted(scope),this.
root=el("section",{class:"daam","data-testid":"explorer","data-seq":"0","data-settled":"false",role:"region","aria-label":"Heat map explorer",tabindex:"-1"}),this.
status=new Status(scope,{problems:()=>[this.wanted.asker.problem,this.atlas.wants.asker.problem,this.inspector.problem,this.chips.words.problem],describe:text=>attribute(
this.image.canvas,"aria-label",text),overlap:()=>this.image.overlap}),this.chips=new Chips(scope),this.inspector=new Inspector(scope),this.image=new ImageView(scope,
{point:(place,aloud)=>{this.image.looking.point(place),this.inspector.point(place,aloud)}}),this.atlas=new Atlas(scope),this.steps=new Steps(scope),this.look=new Look(
scope,{canvas:this.image.canvas,source:this.status.source}),this.hints=new Hints(scope),this.whatIf=new WhatIf(scope),this.keys=new Keys(scope,{root:this.root,signal:this.
stop.signal,steps:this.steps,chips:this.chips,bare:this.image.bare,whatIf:this.whatIf}),this.parts=[this.chips,this.image,this.atlas,this.inspector,this.steps,this.
look,this.whatIf,this.status],this.body=el("div",{class:"daam-body"}),this.#build(),parent.append(this.root),this.stopRoom=watchRoom(this.root),source.address&&
(source.address.said=text=>this.status.fail(text)),this.status.fail(source.address?.problem??""),this.#listen(),this.#expose(),this.draw()}#build(){this.inspector.
element.append(this.hints.element),this.chips.tools.append(this.whatIf.button,this.hints.button),this.body.append(el("div",{class:"daam-panes"},this.image.element,
this.inspector.element,this.atlas.element,this.whatIf.element)),this.root.append(el("div",{class:"daam-main"},this.chips.element,this.body,this.steps.element,this.
look.element,this.status.element))}get askers(){return[this.wanted.asker,this.atlas.wants.asker,...this.inspector.askers,this.image.looking.asker,this.chips.words.
asker]}#listen(){for(let[name,what]of Object.entries(OF_TRAIT))this.state.on(`change:${name}`,()=>this.invalidate(what));let{source,state}=this,parts=MAP|STRIP|
GRID|STEPS;this.ends=[source.on("parts",()=>this.invalidate(parts)),source.on("trouble",()=>{if(!source.trouble)for(let asker of this.askers)asker.retry();this.
invalidate(LOOK)}),source.on("facts",()=>{this.wanted.forget(),this.atlas.wants.forget(),this.maps.hover=null,this.image.looking.forget(),this.invalidate(ALL)}),
source.player.watch()];for(let name of["threshold","steps","layer","head","heads","choice","region"])state.on(`change:${name}`,()=>this.invalidate(GRID));this.stopTheme=
watchTheme(()=>{let theme=themeOf(this.root,this.state.get("theme"));this.root.dataset.theme!==theme&&this.invalidate(THEME)}),this.stopDots=watchDots(()=>this.
invalidate(ALL));let sized2=[this.root,this.image.frame,this.steps.strip.element],before2="";this.sizes=new ResizeObserver(()=>{let now=sized2.map(node=>node.clientWidth).
join(" ");now!==before2&&(before2=now,this.invalidate(MAP|STRIP|GRID|WORDS))});for(let node of sized2)this.sizes.observe(node)}#expose(){let view=this,exposed2={
timings:this.clock.timings,model:this.state.model,state:this.state,shown:()=>copyOf(view.maps.shown(0)),shownB:()=>copyOf(view.maps.shown(1)),preview:()=>copyOf(
view.maps.preview(0)),overlap:()=>({...view.image.overlap}),tiles:()=>view.maps.tiles(),atlas:exposed(view.atlas),pointed:()=>{let[y,x]=view.inspector.place??[];
return y===void 0?null:{y,x}}};Object.assign(this.root,{__daam:exposed2,__daam_timings:this.clock.timings})}invalidate(what){this.dirty|=what,this.frame===0&&!this.
stop.signal.aborted&&(this.frame=requestAnimationFrame(()=>this.draw()))}input(what,handler){this.clock.input(what,handler),this.hints?.acted(what),this.invalidate(
0)}draw(){let start=performance.now();cancelAnimationFrame(this.frame),this.frame=0;let what=this.dirty;this.dirty=0,what&THEME&&this.#theme(),this.wanted.update();
for(let part of this.parts)part.update(what);this.#mark(),this.drawn?.(),this.clock.drawn(start)}#theme(){let{root,state}=this;attribute(root,"data-theme",themeOf(
root,state.get("theme"))),attribute(root,"data-host",state.get("theme")==="auto"),attribute(root,"data-projector",!!state.get("projector"));let[height,width]=state.
facts.image??[1,1];root.style.setProperty("--daam-ratio",String(width/height));let shape=width>=WIDE*height?"wide":height>=WIDE*width?"tall":"even";attribute(root,
"data-shape",shape)}#mark(){let{root,maps}=this,shown=maps.shown(0),missing=!shown||maps.comparing&&!shown.of&&!shown.looks&&!maps.shown(1),now=performance.now();
missing?this.waitingSince===0&&(this.waitingSince=now,setTimeout(()=>this.invalidate(MAP),times.linger+10)):this.waitingSince=0;let none=!this.source.capabilities.
any&&!this.mayLinger?"absent":"waiting";attribute(root,"data-kind",missing?none:shown.kind);let settled=!maps.hover&&maps.settled&&this.wanted.lacking.length===
0&&!this.atlas.lacking;attribute(root,"data-settled",String(settled)),this.#keep(),attribute(root,"data-playing",String(!!this.state.get("playing"))),attribute(
root,"data-seq",String(++this.sequence))}#keep(){if(clearTimeout(this.resting),!this.maps.settled||this.state.get("playing"))return;let key=this.maps.exactKey(0);
this.resting=setTimeout(()=>this.source.keep(key),times.keep)}get mayLinger(){return this.waitingSince===0||performance.now()-this.waitingSince<times.linger}destroy(){
this.stop.abort(),cancelAnimationFrame(this.frame),clearTimeout(this.resting),this.stopTheme?.(),this.stopRoom?.(),this.stopDots?.(),this.sizes?.disconnect();for(let part of this.
parts)"destroy"in part&&part.destroy();this.wanted.destroy();for(let end of this.ends??[])end();this.state.destroy(),this.root.remove()}};function copyOf(shown){
if(!shown)return null;let{kind,key,height,width,max,looks}=shown;return{kind,key,shape:[height,width],values:Array.from(shown.values),max,looks}}var OWN=new Set(["playing"]),Pair=class{constructor(source,other,parent){let slot=el("div",{class:"daam-side-slot"});this.a=new View(source,parent),this.b=new View(
other,slot),this.views=[this.a,this.b],this.which="a",this.hover=null,this.made=null,this.difference=new Difference(this.a,this.b),this.titles=this.views.map(view=>{
let title=el("p",{class:"daam-side-title","data-testid":"side-title"});return view.image.element.prepend(title),title}),this.note=el("p",{class:"daam-source","d\
ata-testid":"pair-note"}),this.#build(slot),this.#link();for(let view of this.views)view.drawn=()=>this.#drawn(view);this.#drawn(this.a)}#build(slot){let{a,b}=this;
attribute(a.root,"data-side","a"),attribute(b.root,"data-side","b"),b.stopRoom?.(),b.root.style.removeProperty("--daam-room"),a.image.element.after(slot,this.difference.
element),this.buttons=[["a","A"],["b","B"],["difference","A − B"]].map(([which,text])=>{let button=el("button",{class:"daam-button",type:"button",text,"data-t\
estid":"pair-heads","data-which":which});return button.addEventListener("click",()=>this.choose(which)),{which,button}}),this.said=el("p",{class:"daam-hint","da\
ta-testid":"pair-heads-said"});let group=el("div",{class:"daam-group",role:"group","aria-label":"Heads of"},...this.buttons.map(({button})=>button)),bar=el("div",
{class:"daam-title-row"},a.atlas.bar.heading,group,this.said),heads=el("div",{class:"daam-pair-heads"},bar);a.atlas.element.before(heads),heads.append(a.atlas.element),
this.heads=heads,b.atlas.element.remove(),a.hints.show(!1),a.status.element.append(this.note),a.root.append(el("div",{class:"daam-foot-b"},b.status.element));for(let part of[
b.chips,b.steps,b.look,b.whatIf,b.hints])part.element.remove();b.image.element.querySelector(".daam-hand")?.remove(),a.inspector.element.after(b.inspector.element);
let inspect=view=>{for(let each of this.views)each.inspector.element.hidden=each!==view};inspect(a);for(let view of this.views)for(let event of["pointerenter","\
focusin"])view.image.element.addEventListener(event,()=>inspect(view))}#link(){let names=this.a.state.model.get("_linked")??[];for(let[from,to]of[this.views,[...this.
views].reverse()])for(let name of names)OWN.has(name)||from.state.on(`change:${name}`,()=>to.state.set({[name]:from.state.get(name)},"soon"));this.a.state.on("c\
hange:_note",()=>this.a.invalidate(LOOK)),this.a.state.on("change:difference_scale",()=>this.a.invalidate(ALL))}get sameHeads(){let[own,others]=this.views.map(({
state})=>JSON.stringify((state.facts.layers??[]).map(({name,heads,size})=>[name,heads,size])));return own===others}choose(which){this.which=which,this.a.atlas.instead=
which==="difference"?{tiles:()=>this.#between(),values:()=>this.#values()}:null;let[shown,other]=which==="b"?[this.b,this.a]:[this.a,this.b];other.atlas.element.
remove(),this.heads?.append(shown.atlas.element);for(let view of this.views)view.invalidate(ALL)}#between(){let[own,others]=this.views.map(({atlas})=>atlas.axes.
tiles());if(!own||!others)return null;let scale=this.difference.scale,{made:made3}=this;if(made3&&made3.own===own&&made3.others===others&&made3.scale===scale)return made3.
tiles;let tiles=differenceOf(own,others,scale);return this.made=tiles&&{own,others,scale,tiles},tiles}#values(){return valuesBetween(this.a.atlas.axes,this.b.atlas.
axes)}#drawn(view){let[a,b]=this.views,other=view===a?b:a;this.sameHeads&&view.maps.hover!==this.hover&&(this.hover=view.maps.hover,other.maps.hover=this.hover,
other.invalidate(MAP)),view===b&&this.which==="difference"&&a.invalidate(GRID),this.#say(),this.difference.update()}#say(){let{sameHeads,which}=this;this.views.
forEach(({state},side)=>{let{words,seed,kind,model}=state.facts,word=words?.[state.get("word")]?.text??"",of=this.a.state.facts.kind===this.b.state.facts.kind?"":
`${kind} of `,seeds=seed?` · seed ${seed}`:"";write(this.titles[side],`${"AB"[side]} · ${of}“${word}”${seeds}`),attribute(this.titles[side],"title",[state.
facts.prompt,model].filter(Boolean).join(" · "))});for(let{which:own,button}of this.buttons??[])attribute(button,"aria-pressed",String(own===which)),button.disabled=
own==="difference"&&!sameHeads;let shares=this.difference.scale==="own"?"shares of each head's peak":"in their unit",signs=`Red: more in A. Blue: more in B. ${shares[0].
toUpperCase()}${shares.slice(1)}.`;this.said&&write(this.said,sameHeads?which==="difference"?signs:"":"No difference: the recordings have other layers, heads or\
 sizes."),write(this.note,this.a.state.model.get("_note")??"")}destroy(){for(let view of[this.b,this.a])view.destroy()}};function widget(){let source;return{initialize({model}){let own=source=new KernelSource(model);return()=>own.destroy()},render({model,el:el2}){source??=new KernelSource(
model);let other=model.get("_other");return other?showPair(source,String(other),el2):show(source,el2)}}}function show(source,el2){let view=new View(source,el2);
return()=>view.destroy()}async function showPair(source,name,el2){let other=await source.model.widget_manager?.get_model(name.replace(/^IPY_MODEL_/,""));if(!other){
let view=new View(source,el2);return view.status.fail("This page shows one recording alone: it cannot find the other one's model."),()=>view.destroy()}let second=new KernelSource(
other),pair2=new Pair(source,second,el2);return()=>{pair2.destroy(),second.destroy()}}async function mount(root,state){let source=await opened(state),takeAway=show(
source,root);return()=>{takeAway(),source.destroy()}}var index_default=widget;export{index_default as default,mount,times};
