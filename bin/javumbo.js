#!/usr/bin/env node
// Set before the SDK can be loaded: it warns about Node versions on stderr, which belongs to this program's messages.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const [{ main }, { processContext }, { Interruption }] = await Promise.all([
  import('../dist/commands/main.js'),
  import('../dist/core/context.js'),
  import('../dist/cli/interruption.js'),
]);

// Whoever reads the output may stop early (`| head`): the work goes on, and its exit code stands. Any other trouble is
// told, for the work may be done although nobody can read what came of it.
let unprinted = false;
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE' || unprinted) return;
  unprinted = true;
  process.stderr.write(`error: the command ran, but its result cannot be printed: ${error.message}\n`);
  process.exitCode = 1;
});

const argv = process.argv.slice(2);
const context = processContext();
const interruption = new Interruption(process, context);
const { signal, runBlocking } = interruption;
const ended = await main(argv, Object.assign(context, { signal, runBlocking }));
const code = await interruption.printed(ended, argv.includes('--json'), context);
interruption.over();
process.exitCode = code === 0 && unprinted ? 1 : code;
// What was given up must not keep the process.
if (signal.aborted) process.exit();
