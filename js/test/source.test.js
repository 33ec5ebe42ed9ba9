import assert from "node:assert/strict";
import test from "node:test";
import { inOrder } from "../src/chips.js";
import { unpack } from "../src/container.js";
import { Asker } from "../src/asker.js";
import { KernelSource } from "../src/source.js";
import { placesOf, State } from "../src/state.js";
import { times } from "../src/times.js";
import { FixtureModel, firstParts, fixture } from "./python.js";

times.patience = [20, 40];
times.stale = 15;

const opened = () => {
  const model = new FixtureModel();
  const source = new KernelSource(model);
  const question = { want: ["exact"], sel: new State(model).sel };
  /**
   * @param {any} asked
   * @param {any} [told]
   */
  const answer = ({ id, run, sel }, told = {}) =>
    model.tell("msg:custom", { v: 1, type: "answer", id, run, sel, parts: [], ...told }, []);
  return { model, source, question, answer };
};
const pause = (/** @type {number} */ wait) => new Promise((resolve) => setTimeout(resolve, wait));

test("what is painted first is taken where it is of the recording that is shown", () => {
  const { model, source } = opened();
  const key = firstParts().exact.key;
  assert.ok(source.memory.exacts.get(key));
  assert.ok(source.images.image.bytes?.length);
  model.set("_facts", { ...fixture._facts, run: "another" });
  assert.equal(source.memory.exacts.get(key), undefined);
  assert.deepEqual(source.images, {});
  model.set("_facts", fixture._facts);
  assert.ok(source.memory.exacts.get(key), "the container says whose it is, whenever it came");
});

test("an answer of another recording or selection is no answer", async () => {
  const { model, source, question, answer } = opened();
  let parts = null;
  source.ask(question).then((got) => (parts = got));
  const [asked] = model.sent;
  assert.deepEqual([asked.v, asked.type, asked.run], [1, "ask", "fixture"]);
  answer(asked, { run: "another", parts: [{ name: "exact", key: "k", shape: [1, 1], max: 1 }] });
  answer(asked, { sel: { ...asked.sel, word: 5 } });
  answer({ ...asked, id: "x" });
  await pause(0);
  assert.equal(parts, null);
  assert.equal(source.memory.exacts.get("k"), undefined);
  answer(asked);
  await pause(0);
  assert.deepEqual(parts, []);
});

test("the same question of two views is asked once, and both are answered", async () => {
  const { model, source, question, answer } = opened();
  const both = Promise.all([source.ask(question), source.ask({ ...question })]);
  assert.equal(model.sent.length, 1);
  answer(model.sent[0]);
  assert.deepEqual(await both, [[], []]);
});

test("silence is mentioned, the question asked again, and a late answer ends both", async () => {
  const { model, source, question, answer } = opened();
  const answered = source.ask(question);
  assert.equal(source.trouble, "");
  await pause(30);
  assert.match(source.trouble, /has not answered yet/);
  assert.deepEqual(model.sent[0], model.sent[1]);
  answer(model.sent[0]);
  await answered;
  assert.equal(source.trouble, "");
  await pause(50);
  assert.equal(model.sent.length, 2);
});

test("a question that nobody waits for any more is no reason for alarm", async () => {
  const { source, question } = opened();
  const stop = new AbortController();
  const failed = assert.rejects(source.ask(question, { signal: stop.signal }));
  await pause(30);
  stop.abort();
  await failed;
  assert.equal(source.trouble, "");
});

test("a refused choice is said until the hand chooses again", () => {
  const { model, source } = opened();
  model.tell("msg:custom", { v: 1, type: "refused", names: ["steps"], error: "steps: no." }, []);
  assert.equal(source.trouble, "Not possible: steps: no. What is shown stands.");
  source.chosen();
  assert.equal(source.trouble, "");
});

test("where nobody can be asked that is said", async () => {
  const { model, source, question, answer } = opened();
  model.send = () => {
    throw new Error("disposed");
  };
  await assert.rejects(source.ask(question), /no kernel behind this page/);
  assert.match(source.trouble, /no kernel behind this page/);
  answer({ id: "x", run: "fixture", sel: {} });
  assert.equal(source.trouble, "", "somebody answers");
});

test("one question at a time, always about the present, and an error goes with its cause", async () => {
  const { model, source, question, answer } = opened();
  /** @type {any[]} */
  const heard = [];
  const asker = new Asker(source, ({ sel }, parts) => heard.push([sel.word, parts]));
  const of = (/** @type {number} */ word) => ({ ...question, sel: { ...question.sel, word } });
  for (const word of [1, 2, 3]) asker.want(of(word));
  assert.deepEqual(model.sent.map(({ sel }) => sel.word), [1]); // prettier-ignore
  await pause(25);
  assert.deepEqual(model.sent.map(({ sel }) => sel.word), [1, 3]); // prettier-ignore
  answer(model.sent[1], { error: "There is no 3." });
  await pause(0);
  assert.deepEqual(heard, [[3, null]]);
  assert.equal(asker.problem, "There is no 3.");
  asker.want(of(3));
  assert.equal(model.sent.length, 2, "it is not asked again and again");
  asker.want(of(1));
  assert.equal(asker.problem, "");
  assert.equal(model.sent.length, 3);
});

test("what stands in a saved page is renewed once", () => {
  const { model, source } = opened();
  source.keep(firstParts().exact.key);
  assert.equal(model.sent.length, 0);
  for (let i = 0; i < 2; i++) source.keep("another");
  assert.deepEqual(model.sent, [{ v: 1, type: "keep", run: "fixture" }]);
});

test("bytes that are no container are no container", () => {
  assert.equal(unpack(new Uint8Array(0)), null);
  assert.equal(unpack(Uint8Array.of(1, 2, 3, 4, 5, 6)), null);
});

test("steps of the loop are found among the steps kept", () => {
  const facts = /** @type {any} */ ({ steps: [3, 7, 12].map((place) => ({ place })) });
  const cases = [[[0, 13], [0, 3]], [[3, 4], [0, 1]], [[4, 13], [1, 3]], [[4, 8], [1, 2]], [[20, 30], [2, 3]]]; // prettier-ignore
  for (const [range, places] of cases)
    assert.deepEqual(placesOf(facts, /** @type {[number, number]} */ (range)), places);
  const model = new FixtureModel();
  model.values._facts = facts;
  assert.deepEqual(new State(model).stepsAt(1, 3), { steps: [7, 13] });
});

test("words that the model did not read come last", () => {
  const word = (/** @type {number[]} */ ...tokens) => /** @type {any} */ ({ tokens });
  assert.deepEqual(inOrder([word(1), word(2), word(), word(), word(0), word(3)]), [4, 0, 1, 5, 2, 3]); // prettier-ignore
});
