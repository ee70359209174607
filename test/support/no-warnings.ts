/** A warning of the process fails the run, as an unhandled error does. */
const passing = /^(ExperimentalWarning|DeprecationWarning)$/;

function failOnWarning(warning: Error): void {
  if (!passing.test(warning.name)) throw warning;
}

// each test file runs this once more, in the same process
if (!process.listeners("warning").some(({ name }) => name === failOnWarning.name)) process.on("warning", failOnWarning);
