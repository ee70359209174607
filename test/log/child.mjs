// Runs a TypeScript file in a process of its own: child.mjs <file> [arguments]. Native packages are left to Node.
import { createJiti } from "jiti";

await createJiti(import.meta.url, { nativeModules: ["lmdb"] }).import(process.argv[2]);
