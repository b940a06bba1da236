#!/usr/bin/env node
// CommonJS, as bin/package.json says: Node's loader of ES modules takes a quarter of the time of `node -e 0`.
const { lstatSync, mkdirSync } = require('node:fs');
const modules = require('node:module');
const { isAbsolute, join } = require('node:path');

async function run() {
  // Asked by scripts before each call, and answered without the program.
  if (argv.length === 1 && ['--version', '-V'].includes(argv[0])) {
    process.stdout.write(`${require('../package.json').version}\n`);
    return;
  }
  // Node 22.8 and later can keep what they compile, most of the work of a short command. What is kept is executed later:
  // it belongs into a directory that no other user can write to.
  const compileCache = compileCacheDirectory();
  if (compileCache !== undefined) modules.enableCompileCache(compileCache);

  // Set before the SDK can be loaded: it warns about Node versions on stderr, which belongs to this program's messages.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const { Interruption, main, processContext } = require('../dist/bundle/command.cjs');

  const context = processContext();
  const interruption = new Interruption(process, context);
  const { signal, runBlocking } = interruption;
  const ended = await main(argv, Object.assign(context, { signal, runBlocking }));
  const code = await interruption.printed(ended, argv.includes('--json'), context);
  interruption.over();
  process.exitCode = code === 0 && unprinted ? UNAVAILABLE : code;
  // What was given up must not keep the process.
  if (signal.aborted) process.exit();
}

// Whoever reads the output may stop early (`| head`): the work goes on, and its exit code stands. Any other trouble is
// told, for the work may be done although nobody can read what came of it.
const UNAVAILABLE = 5;
const argv = process.argv.slice(2);
let unprinted = false;
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE' || unprinted) return;
  unprinted = true;
  const message = `the command ran, but its result cannot be printed to standard output: ${error.message}`;
  const hint = 'another place for the output, with space on its disk';
  const told = { error: { kind: 'unavailable', message, try: hint } };
  process.stderr.write(argv.includes('--json') ? `${JSON.stringify(told)}\n` : `error: ${message}\ntry:   ${hint}\n`);
  process.exitCode = UNAVAILABLE;
});

run();

/** Undefined where Node has no such cache, the user has chosen one, or there is no safe place for it. */
function compileCacheDirectory() {
  const { HOME = '', XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env;
  const caches = XDG_CACHE_HOME || join(HOME, '.cache');
  if (modules.enableCompileCache === undefined || NODE_COMPILE_CACHE || !isAbsolute(caches)) return undefined;
  const directory = join(caches, 'javumbo', 'compile-cache');
  // One by one: Node's recursive mkdir does not end below /proc.
  for (const path of [caches, join(caches, 'javumbo'), directory]) {
    try {
      mkdirSync(path, 0o700);
    } catch {
      // It is there, or the look below fails.
    }
  }
  try {
    const { uid, mode } = lstatSync(directory);
    const isPrivate = (mode & 0o170077) === 0o040000 && uid === process.getuid?.();
    return isPrivate ? directory : undefined;
  } catch {
    return undefined;
  }
}
