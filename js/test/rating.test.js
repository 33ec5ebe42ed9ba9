// The rating page's clock and keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock, about } from "../src/rating/clock.js";
import { choiceOf, sign } from "../src/rating/keys.js";

test("the clock counts only while it runs", () => {
  let now = 1000;
  const clock = new Clock(() => now);
  now += 500;
  assert.equal(clock.seconds, 0);
  clock.run(true);
  now += 1500;
  clock.run(true);
  assert.equal(clock.seconds, 1.5);
  clock.run(false);
  now += 9000;
  assert.equal(clock.seconds, 1.5);
  clock.run(true);
  now += 250;
  assert.equal(clock.seconds, 1.75);
  clock.reset();
  assert.equal(clock.seconds, 0);
});

test("a remaining time promises no more than is known", () => {
  assert.equal(about(null), "");
  assert.equal(about(20), "less than a minute left");
  assert.equal(about(50), "about 1 min left");
  assert.equal(about(400), "about 7 min left");
  assert.equal(about(5400), "about 1 h 30 min left");
  assert.equal(about(7150), "about 2 h left");
});

test("keys are found on every layout", () => {
  const known = ["b", "o", "n", "2", "s"];
  assert.equal(sign({ key: "B", code: "KeyB" }, known), "b");
  assert.equal(sign({ key: "и", code: "KeyB" }, known), "b"); // Cyrillic
  assert.equal(sign({ key: "é", code: "Digit2" }, known), "2"); // French, without Shift
  assert.equal(sign({ key: "2", code: "Numpad2" }, known), "2");
  assert.equal(sign({ key: "n", code: "KeyL" }, known), "n"); // Dvorak: the letter counts
  assert.equal(sign({ key: "Enter", code: "Enter" }, known), "enter");
  assert.equal(sign({ key: "q", code: "KeyQ" }, known), "q");
});

test("an answer has several keys", () => {
  const both = { value: "both", label: "Both", keys: ["b", "2"] };
  assert.equal(choiceOf([both], "2"), both);
  assert.equal(choiceOf([both], "x"), undefined);
});
