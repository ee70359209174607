import type { ConsumerSection } from "../shared/project/consumers.ts";
import { PostgresTableTarget } from "./postgres/table-target.ts";
import { RedisCacheTarget } from "./redis/cache-target.ts";
import type { Target } from "./target.ts";

/** @param project its name. @throws DATABASE_*, CACHE_* */
export function openTarget(project: string, { name, to }: ConsumerSection): Promise<Target> {
  const owner = `${project}.${name}`;
  return to.kind === "postgres"
    ? PostgresTableTarget.open({ name, owner, to })
    : RedisCacheTarget.open({ name, owner, to });
}
