/** A warning of the process fails the run, as an unhandled error does. */
const passing = /^(ExperimentalWarning|DeprecationWarning)$/;

process.on("warning", (warning) => {
  if (!passing.test(warning.name)) throw warning;
});
