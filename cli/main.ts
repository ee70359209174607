#!/usr/bin/env node
import { runToExit } from "./boundary.ts";
import { parseCommand } from "./command-line.ts";
import { listenForStop } from "./stop.ts";
import type { Invocation, Run, VerbName } from "./verb.ts";

await main(process.argv.slice(2), process.env);

/** argv → verb → exit code. */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<never> {
  const signal = listenForStop();
  const options = { json: argv.includes("--json"), debug: /^(debug|trace)$/i.test(env.LOG_LEVEL ?? "") };
  return runToExit(
    async () => {
      const understood = parseCommand(argv);
      return "exitCode" in understood ? understood.exitCode : start(understood.invocation, env, signal);
    },
    signal,
    options,
  );
}

async function start<V extends VerbName>(
  { verb, args, options }: Invocation<V>,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  const { createContext } = await import("./context.ts");
  const context = createContext(options, env, signal);
  const { run } = await verbs()[verb]();
  return run(context, args);
}

/** Each verb is imported only when it is used. */
function verbs(): { [V in VerbName]: () => Promise<{ run: Run<V> }> } {
  return {
    init: () => import("./verbs/init.ts"),
    dev: () => import("./verbs/dev.ts"),
    batch: () => import("./verbs/batch.ts"),
    speed: () => import("./verbs/speed.ts"),
    serve: () => import("./verbs/serve.ts"),
    sources: () => import("./verbs/sources.ts"),
    deliver: () => import("./verbs/deliver.ts"),
    load: () => import("./verbs/load.ts"),
    query: () => import("./verbs/query.ts"),
    "dead-letters": () => import("./verbs/dead-letters.ts"),
    status: () => import("./verbs/status.ts"),
    explain: () => import("./verbs/explain.ts"),
    diff: () => import("./verbs/diff.ts"),
    rebuild: () => import("./verbs/rebuild.ts"),
    verify: () => import("./verbs/verify.ts"),
    keys: () => import("./verbs/keys.ts"),
    types: () => import("./verbs/types.ts"),
    versions: () => import("./verbs/versions.ts"),
    repair: () => import("./verbs/repair.ts"),
    rollback: () => import("./verbs/rollback.ts"),
  };
}
