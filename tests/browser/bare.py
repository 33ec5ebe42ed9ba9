"""A page without Jupyter that shows an explorer: as VS Code, Colab and marimo do, by their means.

The kernel's side is the real `Explorer` in this process. The page's side is a model with what
anywidget promises and nothing more: get, set, save_changes, on, off, send.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Page

from daam_nb.show.explorer.export.handout import front_end
from daam_nb.show.explorer.page.comparing import Comparison
from daam_nb.show.explorer.page.widget import Explorer as Widget

Place = Literal["plain", "shadow", "sandbox"]
Bytes = Literal["DataView", "ArrayBuffer", "Uint8Array"]

# What a page may say about everything in it: resets as of CSS frameworks, and louder things.
RUDE = """
*, ::before, ::after { box-sizing: content-box; }
body { margin: 40px; font: 22px/2 serif; color: #333; }
button, select, input { font: 20px cursive; padding: 9px; border: 3px dashed lime; }
button { background: lime; text-transform: uppercase; min-width: 90px; }
canvas, svg, img { display: block; max-width: 100%; height: auto; border: 2px solid red; }
p, h2, h3, ol, dl, dd, li { margin: 1em 3em; list-style: square; }
label, summary, span { letter-spacing: 2px; }
section, header, footer { padding: 30px; float: left; }
"""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src blob: data:"
)
_PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="%(policy)s">
<style>%(rude)s</style></head><body><div id="host"></div>
<script>
const given = %(given)s;
const bytesOf = (text) => {
  const plain = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  if (given.bytes === "ArrayBuffer") return plain.buffer;
  const shifted = new Uint8Array(plain.length + 3); // may begin at any byte
  shifted.set(plain, 3);
  const Kind = given.bytes === "DataView" ? DataView : Uint8Array;
  return new Kind(shifted.buffer, 3, plain.length);
};
class Model {
  static all = {};
  widget_manager = {get_model: async (name) => Model.all[name]};
  values = {};
  waiting = {};
  heard = [];
  constructor(name, message) {
    this.name = name;
    Model.all[name] = this;
    this.take(message);
  }
  get(name) { return this.values[name]; }
  set(name, value) {
    this.waiting[name] = value;
    this.#put({[name]: value});
  }
  on(name, callback) { this.heard.push([name, callback]); }
  off(name, callback) {
    this.heard = this.heard.filter((one) => one[0] !== name || (callback && one[1] !== callback));
  }
  async save_changes() {
    const state = this.waiting;
    this.waiting = {};
    await this.#tell({method: "update", state});
  }
  async send(content) { await this.#tell({method: "custom", content}); }
  async #tell(message) {
    for (const [name, answer] of await toKernel(this.name, message)) Model.all[name].take(answer);
  }
  take({state, content, buffers}) {
    if (content) this.#call("msg:custom", content, buffers.map(bytesOf));
    const bytes = Object.entries(buffers ?? {}).map(([name, text]) => [name, bytesOf(text)]);
    if (state) this.#put({...state, ...Object.fromEntries(bytes)});
  }
  #put(changes) {
    Object.assign(this.values, changes);
    for (const name of Object.keys(changes)) this.#call(`change:${name}`);
    this.#call("change");
  }
  #call(name, ...what) {
    for (const [of, callback] of [...this.heard]) if (of === name) callback(...what);
  }
}
(async () => {
  const url = URL.createObjectURL(new Blob([given.script], {type: "text/javascript"}));
  const module = await import(url);
  URL.revokeObjectURL(url);
  const host = document.getElementById("host");
  const around = given.place === "shadow" ? host.attachShadow({mode: "open"}) : host;
  const style = document.createElement("style");
  style.textContent = given.style;
  const el = document.createElement("div");
  around.append(style, el);
  const models = given.messages.map(([name, message]) => new Model(name, message));
  const model = models[0];
  const widget = typeof module.default === "function" ? await module.default() : module.default;
  const end = await widget.initialize?.({model});
  const clean = await widget.render({model, el});
  window.takeAway = () => {
    clean();
    end?.();
    return [el.childElementCount, model.heard.length];
  };
})();
</script></body></html>"""


@dataclass
class Kernel:
    """The kernel's side: takes what a page sends, returns what the widget sends back."""

    widget: Widget
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.widget._send = self._sent  # type: ignore[method-assign]

    def first(self) -> dict[str, Any]:
        """What a page is told when it opens."""
        self.sent.clear()
        self.widget.send_state()
        return self.sent.pop()

    def take(self, message: dict[str, Any]) -> None:
        """Take a message of the page."""
        # As it arrives from a wire: lists and numbers of JSON.
        self.widget._handle_msg(
            {"content": {"data": json.loads(json.dumps(message))}, "buffers": []}
        )

    def _sent(self, message: dict[str, Any], buffers: Any = None) -> None:
        coded = [b64encode(one).decode() for one in buffers or []]
        if message["method"] == "custom":
            self.sent.append({"content": message["content"], "buffers": coded})
        elif message["method"] == "update":
            names = [path[0] for path in message["buffer_paths"]]
            state = json.loads(json.dumps(message["state"]))
            self.sent.append({"state": state, "buffers": dict(zip(names, coded, strict=True))})


def show(
    page: Page,
    widget: Widget | Comparison,
    *,
    place: Place = "plain",
    as_bytes: Bytes = "DataView",
    around: str = RUDE,
) -> None:
    """Show an explorer in a bare page; what the hand chooses there arrives at the widget.

    `around` is the page's own style sheet.
    """
    sides = [widget] if isinstance(widget, Widget) else list(widget.sides)
    kernels = {side.model_id: Kernel(side) for side in sides}

    def answer(name: str, message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        for kernel in kernels.values():
            kernel.sent.clear()
        kernels[name].take(message)
        return [(key, sent) for key, kernel in kernels.items() for sent in kernel.sent]

    script, style = front_end()
    given = {
        "place": place,
        "bytes": as_bytes,
        "script": script,
        "style": style,
        "messages": [(name, kernel.first()) for name, kernel in kernels.items()],
    }
    page.expose_function("toKernel", answer)
    text = _PAGE % {
        "policy": POLICY,
        "rude": around if place != "shadow" else "",
        "given": json.dumps(given).replace("</", "<\\/"),
    }
    if place != "sandbox":
        page.goto("about:blank")
        page.set_content(text)
        return
    page.set_content("<style>body{margin:0}</style>")
    page.evaluate(
        """text => {
          const frame = document.createElement('iframe');
          frame.setAttribute('sandbox', 'allow-scripts allow-downloads');
          frame.style.cssText = 'border:0;width:100%;height:1500px';
          frame.srcdoc = text;
          document.body.append(frame);
        }""",
        text,
    )
