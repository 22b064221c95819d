// Preloaded into a run of `vsso` (NODE_OPTIONS=--require): tells on descriptor 3 what the run has done, at once and
// synchronously, so that what was told before a kill -9 is known to have happened.
const { writeSync } = require("node:fs");
const { subscribe } = require("node:diagnostics_channel");

subscribe("vsphere-sso:session", ({ operation, code }) => {
  try {
    writeSync(3, `${operation}${code === undefined ? "" : ` ${code}`}\n`);
  } catch {
    // Nobody listens.
  }
});
