import { MemoryLog } from "../../shared/log/memory.ts";
import { conformance } from "./conformance.ts";

conformance({ name: "memory", trims: true, runs: 100, open: async () => new MemoryLog() });
