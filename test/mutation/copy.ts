/** A throw-away copy of the sources, as they are in the working tree, with a change in it. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.ts";

const root = join(import.meta.dirname, "../..");

export class Copy {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static make(): Copy {
    const dir = mkdtempSync(join(tmpdir(), "tidemark-mutant-"));
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
      cwd: root,
      encoding: "utf8",
    });
    const deleted = execFileSync("git", ["ls-files", "-d", "-z"], { cwd: root, encoding: "utf8" }).split("\0");
    for (const name of listed.split("\0")) {
      if (name === "" || name === "node_modules" || deleted.includes(name)) continue;
      cpSync(join(root, name), join(dir, name));
    }
    symlinkSync(realpathSync(join(root, "node_modules")), join(dir, "node_modules"));
    return new Copy(dir);
  }

  /** @throws where the text to replace is not there exactly once: the table is out of date */
  put({ name, file, edits }: Fault): void {
    const path = join(this.dir, file);
    let text = readFileSync(path, "utf8");
    for (const { find, replace } of edits) {
      const count = text.split(find).length - 1;
      if (count !== 1) throw new Error(`"${name}": ${file} has this text ${count} times instead of once: ${find}`);
      text = text.replace(find, () => replace);
    }
    writeFileSync(path, text);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
