import { runCases } from "../support/run-cases.ts";

// in files of their own, so that they run at the same time
runCases(/^(?!.*-docs-|trap-)/);
