#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { choose } from '../dist/supervision/choice.js';

// Set before the SDK can be loaded: it warns about Node versions on stderr, which belongs to this program's messages.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const argv = process.argv.slice(2);
const choice = choose(argv, process.env, process.send !== undefined);
if (choice.kind === 'supervisor') {
  const { supervise } = await import('../dist/supervision/supervisor.js');
  process.exitCode = await supervise(argv, fileURLToPath(import.meta.url), process);
} else {
  // Whoever reads the output may stop early (`| head`): the work goes on, and its exit code stands. Any other trouble is
  // told, for the work may be done although nobody can read what came of it.
  let unprinted = false;
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE' || unprinted) return;
    unprinted = true;
    process.stderr.write(`error: the command ran, but its result cannot be printed: ${error.message}\n`);
    process.exitCode = 1;
  });
  const code = await run();
  process.exitCode = code === 0 && unprinted ? 1 : code;
}

async function run() {
  const [{ main }, { processContext }, { runWatched }] = await Promise.all([
    import('../dist/main.js'),
    import('../dist/cli/context.js'),
    choice.kind === 'watched' ? import('../dist/supervision/watched.js') : {},
  ]);
  const work = (given) => main(argv, Object.assign(processContext(), given));
  if (choice.kind === 'asked') return work({});
  if (choice.kind === 'supervised') {
    const { runSupervised } = await import('../dist/supervision/supervised.js');
    return runSupervised(work, choice.runId, [process.stdout, process.stderr]);
  }
  const { code, abandoned } = await runWatched(argv, work);
  // What did not stop when it was told to must not keep the process now.
  if (abandoned) process.exit(code);
  return code;
}
