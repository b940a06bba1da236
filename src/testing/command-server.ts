/**
 * One process that runs command lines, one after the other, for scripts that call many of them: starting Node for each would
 * take longer than most of them run.
 *
 * It prints its port. A client (page-shell.ts has it) writes a call into a directory and sends its path: `argv` and `env`,
 * each text ended by a zero byte; `cwd`; `stdin`, where there is one; `terminal`, where stdout is one. It gets the exit code
 * when `stdout` and `stderr` are there.
 */
import { createReadStream, createWriteStream, existsSync, readFileSync, type WriteStream } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { main, processContext } from './bundled-command.ts';
import { useQuickBcrypt } from './quick-bcrypt-hook.ts';

const COLUMNS = 80;

// What pages say of passwords is not how long it takes to hash them.
useQuickBcrypt();

let last: Promise<void> = Promise.resolve();
const server = createServer((socket) => {
  createInterface(socket).once('line', (call) => {
    last = last.then(() => answer(socket, call));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});

async function answer(socket: Socket, call: string): Promise<void> {
  const code = await run(call).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    return 1;
  });
  socket.end(`${code}\n`);
}

async function run(call: string): Promise<number> {
  const given = (name: string): string[] => readFileSync(join(call, name), 'utf8').split('\0').slice(0, -1);
  // What the command starts, and the SDK, look there.
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const variable of given('env')) {
    const [name = '', ...value] = variable.split('=');
    process.env[name] = value.join('=');
  }
  process.chdir(readFileSync(join(call, 'cwd'), 'utf8'));
  const stdout = createWriteStream(join(call, 'stdout'));
  const stderr = createWriteStream(join(call, 'stderr'));
  const terminal = existsSync(join(call, 'terminal')) ? { isTTY: true, columns: COLUMNS } : {};
  const stdin = existsSync(join(call, 'stdin')) ? createReadStream(join(call, 'stdin')) : undefined;
  const { clock, random, cleanUps } = processContext();
  const context = { env: process.env, clock, random, cleanUps, stdin };
  const code = await main(given('argv'), { ...context, stdout: Object.assign(stdout, terminal), stderr });
  await Promise.all([stdout, stderr].map(ended));
  return code;
}

function ended(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => void stream.end(resolve));
}
