import { testFault } from "./in-ci.ts";
import { sizes } from "./sizes.ts";

testFault(sizes);
