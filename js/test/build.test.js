import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "node:test";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const BUILT = "daam_nb/show/explorer/static/explorer.js";

test("it is built in a folder whose name has a space and letters of any script", () => {
  const place = mkdtempSync(join(tmpdir(), "daam nb ü "));
  try {
    const js = join(place, "js");
    mkdirSync(js);
    for (const name of ["src", "build.js", "package.json"]) {
      cpSync(join(HERE, name), join(js, name), { recursive: true });
    }
    symlinkSync(join(HERE, "node_modules"), join(js, "node_modules"));
    execFileSync(process.execPath, ["build.js"], { cwd: js });
    const text = readFileSync(join(place, BUILT), "utf8");
    assert.equal(text, readFileSync(join(HERE, "..", BUILT), "utf8"));
  } finally {
    rmSync(place, { recursive: true });
  }
});
