// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
/** Faults that a change could introduce, each with the tests that must notice. */
import { apiFaults } from "./api-faults.ts";
import type { Fault } from "./fault.ts";
import { sourceFaults } from "./source-faults.ts";
import { viewFaults } from "./view-faults.ts";

const positions = ["test/position/laws.test.ts"];
const pipeline = ["test/pipeline/speed.test.ts", "test/pipeline/batch.test.ts"];

export const faults: readonly Fault[] = [
  ...viewFaults,
  ...sourceFaults,
  {
    name: "a rejected entry adopted again",
    file: "speed/generation.ts",
    edits: [
      {
        find: "if (rejected && !covers(rejected.from, entry.upto)) {",
        replace: "if (rejected && entry.sequence < 0) {",
      },
    ],
    tests: ["test/pipeline/healing.test.ts"],
  },
  {
    name: "a recomputed delta not read again",
    file: "serving/snapshot/loaded.ts",
    edits: [{ find: "starts.includes(-1) || rederived", replace: "starts.includes(-1)" }],
    tests: ["test/pipeline/healing.test.ts"],
  },
  {
    name: "an older field read as if it were today's",
    file: "shared/archive/segments.ts",
    edits: [{ find: "if (same && old.default === field.default) return", replace: "if (old) return" }],
    tests: ["test/pipeline/evolution.test.ts"],
  },
  {
    name: "covers with > instead of >=",
    file: "shared/position.ts",
    edits: [
      {
        find: ": 0) : -1;\n      if (offset < offsets[partition]!) return false;",
        replace: ": 0) : -1;\n      if (offset <= offsets[partition]!) return false;",
      },
    ],
    tests: positions,
  },
  {
    name: "follows another position",
    file: "shared/position.ts",
    edits: [
      {
        find: ": 0;\n      if (offset < offsets[partition]!) return false;",
        replace: ": 0;\n      if (offset <= offsets[partition]!) return false;",
      },
    ],
    tests: positions,
  },
  {
    name: "a range that leaves its first offset out",
    file: "shared/position.ts",
    edits: [{ find: "from: start, upto: offset }", replace: "from: start + 1, upto: offset }" }],
    tests: positions,
  },
  {
    name: "a partition lost where two positions meet",
    file: "shared/position.ts",
    edits: [
      {
        find: "all.set(id, other ? { ...place, offset: choose(place.offset, other.offset) } : place);",
        replace: "if (other) all.set(id, { ...place, offset: choose(place.offset, other.offset) });",
      },
    ],
    tests: positions,
  },
  {
    name: "the delta's last entry left out",
    file: "shared/store/partials.ts",
    edits: [
      {
        find: "return entries.flatMap((entry) => entry.views[view]?.file ?? []);",
        replace: "return entries.slice(0, -1).flatMap((entry) => entry.views[view]?.file ?? []);",
      },
    ],
    tests: pipeline,
  },
  {
    name: "an entry served twice",
    file: "serving/snapshot/loaded.ts",
    edits: [{ find: "head.entries.slice(starts[i]!)", replace: "head.entries.slice(Math.max(0, starts[i]! - 1))" }],
    tests: ["test/pipeline/random.test.ts"],
  },
  {
    name: "one shard followed",
    file: "serving/snapshot/loaded.ts",
    edits: [
      {
        find: "for (const [shard, state] of this.#shards) {",
        replace: "for (const [shard, state] of [...this.#shards].slice(0, 1)) {",
      },
    ],
    tests: ["test/serving/follower.test.ts"],
  },
  {
    name: "a snapshot of one shard",
    file: "shared/store/versions.ts",
    edits: [
      {
        find: "shard < manifest.definition.shards; shard++) {\n    const head = await newestHead",
        replace: "shard < 1; shard++) {\n    const head = await newestHead",
      },
    ],
    tests: [...pipeline, "test/pipeline/random.test.ts"],
  },
  {
    name: "a takeover that adopts what lies beyond a gap",
    file: "speed/generation.ts",
    edits: [
      {
        find: "${messageOf(error)}; the delta is recomputed from there`);\n        break;",
        replace:
          "${messageOf(error)}; the delta is recomputed from there`);\n        at = entry.upto;\n        continue;",
      },
    ],
    tests: ["test/pipeline/takeover-gap.test.ts"],
  },
  {
    name: "compaction that swallows the entry after it",
    file: "speed/compactor.ts",
    edits: [
      { find: "...entries.slice(at + replaced.length)]", replace: "...entries.slice(at + replaced.length + 1)]" },
    ],
    tests: pipeline,
  },
  {
    name: "one event too many at the archive's cut",
    file: "shared/archive/segments.ts",
    edits: [{ find: "AND __offset < ${range.upto}`", replace: "AND __offset <= ${range.upto}`" }],
    tests: ["test/pipeline/batch.test.ts"],
  },
  {
    name: "one event too many from the log's tail",
    file: "shared/log/batch.ts",
    edits: [{ find: "record.offset < end)", replace: "record.offset <= end)" }],
    tests: ["test/pipeline/history-tail.test.ts"],
  },
  {
    name: "a duplicate window that is a millisecond short",
    file: "shared/duplicates/partition.ts",
    edits: [{ find: "before >= this.logTime.at - windowMs", replace: "before > this.logTime.at - windowMs" }],
    tests: ["test/duplicates/rule.test.ts"],
  },
  {
    name: "a repeated request counts",
    file: "shared/duplicates/duplicates.ts",
    edits: [{ find: "if (isIn(this.#known, sequence)) return true;", replace: "" }],
    tests: ["test/duplicates/rule.test.ts"],
  },
  {
    name: "a duplicate window that does not reach back into the archive",
    file: "shared/state/recall.ts",
    edits: [{ find: "duplicates.rememberId(partition, String(each), Number(times[i]))", replace: "void i" }],
    tests: ["test/pipeline/duplicates.test.ts"],
  },
  {
    name: "a damaged version that is not reported",
    file: "serving/snapshot/version-loader.ts",
    edits: [{ find: "await reportDamage(store, damage).catch(() => undefined);", replace: "void damage;" }],
    tests: ["test/pipeline/damage.test.ts"],
  },
  {
    name: "a whole file that is taken for another",
    file: "shared/store/sealed.ts",
    edits: [{ find: 'if (!belongs(value)) throw corruptFile(name, "has the content of another file");', replace: "" }],
    tests: ["test/pipeline/kept-twice.test.ts"],
  },
  {
    name: "a damaged delta that is not recomputed",
    file: "shared/store/rejections.ts",
    edits: [{ find: "if (!from) continue;", replace: "if (from) continue;" }],
    tests: ["test/pipeline/damage.test.ts"],
  },
  {
    name: "a standby that never takes over",
    file: "speed/daemon.ts",
    edits: [{ find: "performance.now() - since < silentMs && ", replace: "" }],
    tests: ["test/pipeline/speed.test.ts"],
  },
  {
    name: "a compaction that counts as committed though it ended after the commit began",
    file: "speed/delta-writer.ts",
    edits: [
      {
        find: "if (joined) this.#compactor.committed(joined);",
        replace: "if (this.#compactor.joined) this.#compactor.committed(this.#compactor.joined);",
      },
    ],
    tests: ["test/pipeline/speed.test.ts"],
  },
  {
    name: "a chain whose late owner is not fenced",
    file: "shared/store/chain.ts",
    edits: [{ find: "if (later <= this.number) continue;", replace: "if (later <= this.number + 1) continue;" }],
    tests: ["test/store/chain.test.ts"],
  },
  {
    name: "a commit that brings back what was cleaned",
    file: "shared/store/chain.ts",
    edits: [
      {
        find: "if (!(await this.#store.replaceOwn(`${this.folder}/${file}`, content)))",
        replace:
          "await this.#store.replace(`${this.folder}/${file}`, content);\n    if (!(await this.#store.exists(this.folder)))",
      },
      { find: "if (!(await this.#store.exists(`${this.folder}/${ownerFile}`)))", replace: "if (this.number < 0)" },
    ],
    tests: ["test/store/chain.test.ts"],
  },
  {
    name: "a state that goes over an entry which does not begin at its position",
    file: "shared/state/open.ts",
    edits: [{ find: "if ((offsetAt(from, stream, partition) ?? at) > at) return at;", replace: "" }],
    tests: ["test/state/laws.test.ts", "test/pipeline/duplicates.test.ts"],
  },
  {
    name: "a store in memory that opens what is damaged",
    file: "shared/store/memory.ts",
    edits: [{ find: "if (!checked?.has(file.name)) expectSame", replace: "if (checked === null) expectSame" }],
    tests: ["test/store/stores.test.ts"],
  },
  {
    name: "a takeover that forgets what was carried",
    file: "shared/duplicates/duplicates.ts",
    edits: [
      {
        find: "state.countAt(request, [from, upto], time);\n    }\n    state.setClock",
        replace: "void [from, upto];\n    }\n    state.setClock",
      },
    ],
    tests: ["test/duplicates/rule.test.ts"],
  },
  {
    name: "one record that moves log time by years",
    file: "shared/duplicates/log-time.ts",
    edits: [{ find: "this.jump !== 0 && stamp !== this.jump && ", replace: "this.jump !== 0 && " }],
    tests: ["test/duplicates/rule.test.ts"],
  },
  {
    name: "a version that takes back what a stopped stream's answers cover",
    file: "batch/checks.ts",
    edits: [{ find: "if (covers(archive.uptoIn(own), own)) continue;", replace: "if (own) continue;" }],
    tests: ["test/pipeline/one-stream.test.ts"],
  },
  {
    name: "a fold that goes on from what was not proved",
    file: "batch/run.ts",
    edits: [{ find: 'if (isCode(error, "BATCH_UNPROVED")) await removeAll(begun);', replace: "" }],
    tests: ["test/pipeline/fold.test.ts"],
  },
  {
    name: "a fold that keeps what lies beyond its cut",
    file: "batch/fold.ts",
    edits: [{ find: "filter((stretch) => covers(upto, stretch.upto))", replace: "slice()" }],
    tests: ["test/pipeline/fold.test.ts"],
  },
  {
    name: "a fold that drops the stretches before the last",
    file: "batch/fold.ts",
    edits: [{ find: "...stretches.flatMap(({ views }) => views[view.name]?.file ?? [])]", replace: "]" }],
    tests: ["test/pipeline/fold.test.ts"],
  },
  {
    name: "a plan that proves by a writer that has stopped behind",
    file: "batch/plan.ts",
    edits: [{ find: "return missing > 0 && silent ?", replace: "return missing > nearEnd && silent ?" }],
    tests: ["test/batch/plan.test.ts"],
  },
  {
    name: "a takeover that does not read the ids of the window again",
    file: "shared/state/suppression.ts",
    edits: [{ find: "return this.rule.windowMs === null ? carried : [];", replace: "return carried;" }],
    tests: ["test/pipeline/duplicates.test.ts", "test/state/laws.test.ts"],
  },
  {
    name: "compaction that carries of its last entry only",
    file: "shared/state/entries.ts",
    edits: [{ find: "join(own.map((each) =>", replace: "join(own.slice(-1).map((each) =>" }],
    tests: ["test/pipeline/duplicates.test.ts"],
  },
  {
    name: "a version under the number of one that was lost",
    file: "shared/store/versions.ts",
    edits: [
      {
        find: "const lists = [await versionNumbers(store), await store.list(layout.deltas), await store.list(layout.damages)];",
        replace: "const lists = [await versionNumbers(store)];",
      },
    ],
    tests: ["test/pipeline/healing.test.ts"],
  },
  {
    name: "an archive file recomputed only in part",
    file: "batch/archive.ts",
    edits: [
      {
        find: "const stretch = { stream, partition, from, target: upto, duplicates, replaces: damaged };",
        replace: "const stretch = { stream, partition, from, target: from + 1, duplicates, replaces: damaged };",
      },
    ],
    tests: ["test/pipeline/repair.test.ts"],
  },
  {
    name: "an archive run that goes on with what it remembers of another place",
    file: "batch/archive.ts",
    edits: [{ find: "      await duplicates.close();\n      duplicates = null;\n", replace: "" }],
    tests: ["test/pipeline/duplicates.test.ts"],
  },
  {
    name: "a loss that is accepted twice",
    file: "batch/archive.ts",
    edits: [
      {
        find: "return createTwice(archiver.store, layout.segment(stream.name, partition, from), seal(segment));",
        replace:
          "const end = await archiver.history.archivedTo(stream.name, partition); return createTwice(archiver.store, layout.segment(stream.name, partition, end), seal({ ...segment, from: end }));",
      },
    ],
    tests: ["test/pipeline/repair.test.ts"],
  },
  ...apiFaults,
];
