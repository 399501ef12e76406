// lint_openapi.js FILE: Redocly's strictest rules; exit status 1 when one has a finding. The project states no licence yet.
const { createConfig, formatProblems, getTotals, lint } = require("@redocly/openapi-core");

const RULES = { extends: ["recommended-strict"], rules: { "info-license": "off" } };

async function main(file) {
  const problems = await lint({ ref: file, config: await createConfig(RULES) });
  formatProblems(problems, { format: "stylish", totals: getTotals(problems) });
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main(process.argv[2]);
