/**
 * Damaged input of every kind, by seed: whatever comes in, a command ends with a failure that has a kind and a `try:`, never
 * with a defect (exit code 1). `JAVUMBO_FUZZ=100000 JAVUMBO_SEED=7` for more inputs and other ones.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import { type Random, seededRandom, systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { Collections } from '../testing/fuzz/collections.ts';
import { below, damaged, hostileText, oneOf } from '../testing/fuzz/mutate.ts';
import { DamagedReplies } from '../testing/fuzz/replies.ts';
import { type CommandResult, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { buildProgram } from './main.ts';

const INPUTS = Number(process.env.JAVUMBO_FUZZ ?? 3_000);
const SEED = Number(process.env.JAVUMBO_SEED ?? 20_261_126);

// What waits between two tries is not what is tested.
const HASTY = {
  ...systemClock,
  sleep: (milliseconds: number, signal?: AbortSignal) => systemClock.sleep(milliseconds / 100, signal),
};

const BEFORE = process.cwd();

let directory: string;
let collections: Collections;
let replies: DamagedReplies;
let program: Command;
let report: Buffer;
let local: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = temporaryDirectory();
  // Some commands write where they are.
  process.chdir(directory);
  collections = new Collections();
  replies = await DamagedReplies.start();
  local = {
    HOME: directory,
    JAVUMBO_HOME: join(directory, 'home'),
    JAVUMBO_CACHE_DIR: join(directory, 'cache'),
    PATH: [join(directory, 'bin'), process.env.PATH].join(':'),
  };
  const context = { env: {}, stdout: { write: () => true }, stderr: { write: () => true }, clock: HASTY };
  program = await buildProgram({ ...context, random: systemRandom, cleanUps: new CleanUps() }, async () => {});
  const reported = await run(['bench', 'latency', '--rtt', '0', '--report', 'json=report.json'], local);
  expect(reported).toMatchObject({ code: 0, stderr: expect.any(String) });
  report = readFileSync('report.json');
  await run(['db', 'create', 'alice'], local);
  mkdirSync('bin');
  mkdirSync('infra');
  writeFileSync('bin/terraform', `#!/bin/sh\ncat ${directory}/outputs\n`, { mode: 0o755 });
});

afterAll(async () => {
  // A worker that stands in a directory that is gone starts no process.
  process.chdir(BEFORE);
  await replies.close();
});

function run(argv: readonly string[], env: NodeJS.ProcessEnv, piped?: Buffer): Promise<CommandResult> {
  return runCommand(argv, { env, clock: HASTY, ...(piped === undefined ? {} : { piped }) });
}

/** What is wrong with how a command ended; undefined: nothing. */
function complaint(argv: readonly string[], { code, stderr, stdout }: CommandResult): string | undefined {
  if ((code as number) === 1 || /"kind":"internal"/.test(stderr)) return 'a defect';
  if (!argv.includes('--verbose') && /\n\s+at \S+ \(.*:\d+:\d+\)/.test(stderr)) return 'a stack';
  const isTold = /^error: [\s\S]*^try: /m.test(stderr) || /"error":\{"kind":".*"try":|^failed: /m.test(stderr);
  // `clean all` tells what failed in its result.
  if (code !== 0 && stdout === '' && !isTold) return 'no error with a try';
  return undefined;
}

async function expectAnswer(argv: readonly string[], env: NodeJS.ProcessEnv, piped?: Buffer): Promise<number> {
  const result = await run(argv, env, piped).catch((error: unknown) => error as Error);
  const found = result instanceof Error ? `it threw ${result.stack}` : complaint(argv, result);
  if (found !== undefined) {
    const { code, stderr, stdout } = result instanceof Error ? { code: -1, stderr: '', stdout: '' } : result;
    expect.fail(
      `${found}: javumbo ${argv.map((word) => JSON.stringify(word.slice(0, 80))).join(' ')}: exit ${code}\n${stderr}${stdout}`,
    );
  }
  return (result as CommandResult).code;
}

const KINDS: readonly {
  readonly name: string;
  readonly share: number;
  readonly try: (random: Random) => Promise<number>;
}[] = [
  {
    name: 'a damaged collection',
    share: 0.2,
    try: async (random) => {
      writeFileSync('c.anki2', collections.next(random));
      const pushed = await expectAnswer(['db', 'push', 'alice', 'c.anki2', '--force', '--yes'], local);
      if (pushed !== 0) return pushed;
      const commands = [
        ['db', 'info', 'alice'],
        ['db', 'check', 'alice'],
        ['db', 'query', 'alice', 'SELECT * FROM notes JOIN cards ON nid = notes.id'],
        ['db', 'add-note', 'alice', '--field', 'a', '--field', 'b', '--deck', 'x::y', '--tag', 't'],
        ['db', 'check', 'alice', '--repair'],
        ['db', 'exec', 'alice', 'UPDATE notes SET mod = mod + 1'],
      ];
      let last = 0;
      for (const argv of commands) last = Math.max(last, await expectAnswer(argv, local));
      return last;
    },
  },
  {
    name: 'damaged replies of three services',
    share: 0.3,
    try: (random) => {
      replies.begin(random, collections.next(random));
      const argv = oneOf(random, [
        ['db', 'query', 'alice', 'SELECT count(*) FROM notes'],
        ['db', 'info', 'alice'],
        ['db', 'list'],
        ['db', 'add-note', 'alice', '--field', 'a', '--field', 'b'],
        ['db', 'exec', 'alice', 'UPDATE col SET mod = mod + 1'],
        ['db', 'delete', '--yes', 'alice'],
        ['db', 'pull', 'alice', '--out', 'pulled.anki2'],
        ['user', 'get', 'alice'],
        ['user', 'list'],
        ['user', 'delete', '--yes', 'alice'],
        ['deployment', 'describe'],
        ['function', 'describe'],
        ['function', 'invoke', 'read', 'alice'],
        ['clean', 's3', '--dry-run'],
      ]);
      return expectAnswer(argv, damagedAws());
    },
  },
  {
    name: 'arguments',
    share: 0.35,
    try: (random) => {
      replies.begin(random, collections.next(random));
      return expectAnswer(argumentsOf(random), random.fraction() < 0.7 ? local : damagedAws());
    },
  },
  {
    name: 'a damaged admin.db',
    share: 0.05,
    try: (random) => {
      const path = 'admin.db';
      rmSync(path, { force: true });
      const database = betterSqlite.open(path, 'read-write');
      database.exec(
        "CREATE TABLE users (user_id INTEGER PRIMARY KEY, username TEXT, name TEXT, password_hash TEXT); INSERT INTO users VALUES (1, 'bob', 'Bob', '$2b$12$" +
          `${'a'.repeat(53)}')`,
      );
      database.close();
      writeFileSync(path, damaged(readFileSync(path), random));
      return expectAnswer(['user', 'import', path], local);
    },
  },
  {
    name: 'a damaged report',
    share: 0.08,
    try: (random) => {
      writeFileSync('damaged.json', damaged(report, random));
      const files = random.fraction() < 0.5 ? ['report.json', 'damaged.json'] : ['damaged.json', 'report.json'];
      return expectAnswer(['bench', 'compare', ...files], local);
    },
  },
  {
    name: 'damaged outputs of Terraform',
    share: 0.02,
    try: (random) => {
      const sound = {
        s3_bucket_name: { value: 'b', type: 'string' },
        aws_region: { value: 'eu-west-1', type: 'string' },
      };
      writeFileSync('outputs', damaged(Buffer.from(JSON.stringify(sound)), random));
      replies.begin(random, Buffer.alloc(0));
      return expectAnswer(['config', 'show', '--terraform', 'infra'], damagedAws());
    },
  },
];

function damagedAws(): NodeJS.ProcessEnv {
  return {
    ...local,
    S3_BUCKET: 'b',
    JAVUMBO_FUNCTION: 'f',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: replies.url,
    AWS_ENDPOINT_URL_DYNAMODB: replies.url,
    AWS_ENDPOINT_URL_LAMBDA: replies.url,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
}

// They run for long, whatever they are asked, or serve until they are stopped.
const NOT_RUN = ['bench', 'verify', 'function', 'deployment', 'doctor'];

function argumentsOf(random: Random): string[] {
  let command = program;
  const words: string[] = [];
  const subcommands = () => command.commands.filter((each) => !NOT_RUN.includes(each.name()));
  for (let found = subcommands(); found.length > 0; found = subcommands()) {
    command = oneOf(random, found);
    words.push(command.name());
  }
  for (const argument of command.registeredArguments) {
    if (random.fraction() < 0.9) words.push(random.fraction() < 0.5 ? 'alice' : hostileText(random, argument.name()));
  }
  const options = [...command.options, ...program.options];
  for (let left = below(random, 4); left > 0; left--) {
    const option = oneOf(random, options);
    const value = oneOf(random, ['1', '5s', '10 MB', 'alice', 'report.json', 'json=r.json', 'local']);
    words.push(option.long ?? '');
    if (option.required || option.optional) words.push(random.fraction() < 0.4 ? value : hostileText(random, value));
  }
  if (random.fraction() < 0.1) words.splice(below(random, words.length + 1), 0, hostileText(random, 'db'));
  // No process can be started with one.
  return words.map((word) => word.replaceAll('\0', ''));
}

describe.each(KINDS)('$name', ({ name, share, try: tryOne }) => {
  const count = Math.max(1, Math.round(INPUTS * share));
  test(`${count} times (seed ${SEED}) ends with an answer`, async () => {
    const codes = new Map<number, number>();
    const defects = new Map<string, string>();
    for (let index = 0; index < count; index++) {
      const seed = SEED + index;
      try {
        const code = await tryOne(seededRandom(seed));
        codes.set(code, (codes.get(code) ?? 0) + 1);
      } catch (error) {
        const { message } = error as Error;
        // Alike but for names and numbers.
        defects.set(message.replace(/^.*|"[^"]*"|\d+/g, ''), `JAVUMBO_SEED=${seed} JAVUMBO_FUZZ=1: ${message}`);
      }
    }
    const told = [...codes].sort().map(([code, times]) => `exit ${code} ${times} times`);
    process.stderr.write(`${name}: ${told.join(', ')}\n`);
    expect([...defects.values()]).toEqual([]);
    // A run in which nothing was refused would have met nothing.
    if (count > 20) expect([...codes.keys()].some((code) => code !== 0)).toBe(true);
  });
});
