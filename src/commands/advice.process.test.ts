/** Each `try:` in the sources, with the situation in which it is printed: what it advises helps there. */
import type { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import type { Context } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';
import { type Advice, type Servers, wordsOf } from '../testing/advice/advice.ts';
import { AWS_ADVICE } from '../testing/advice/aws.ts';
import { DECK_ADVICE } from '../testing/advice/decks.ts';
import { FLEET_ADVICE, FLEET_ON_AWS_ADVICE } from '../testing/advice/fleet.ts';
import { HISTORY_ADVICE } from '../testing/advice/history.ts';
import { LOCAL_ADVICE } from '../testing/advice/local.ts';
import { MACHINE_ADVICE } from '../testing/advice/machine.ts';
import { NOT_TRIED } from '../testing/advice/not-tried.ts';
import { type AdviceText, adviceInSources } from '../testing/advice/sources.ts';
import { WORDS_ADVICE } from '../testing/advice/words.ts';
import { startDynamoServer } from '../testing/dynamo-server.ts';
import { freshMachine, IMPATIENT, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { startS3Server } from '../testing/s3-server/server.ts';
import { buildProgram } from './main.ts';

const told = new Set<string>();
let servers: Servers;

beforeAll(async () => {
  servers = { s3: await startS3Server({ buckets: ['b'] }), dynamo: await startDynamoServer() };
  await servers.dynamo.createTable('javumbo-users');
});

beforeEach(() => {
  servers.s3.reset();
  servers.dynamo.clearFaults();
});

afterAll(async () => {
  await servers.s3.close();
  await servers.dynamo.close();
});

async function tryOut(advice: Advice, place: 'local' | 'aws'): Promise<void> {
  const values = { dir: temporaryDirectory(), s3: servers.s3.endpoint, dynamo: servers.dynamo.endpoint };
  const machine: NodeJS.ProcessEnv = {
    ...freshMachine(),
    ...(place === 'local'
      ? {}
      : {
          S3_BUCKET: 'b',
          AWS_ENDPOINT_URL_S3: values.s3,
          AWS_ENDPOINT_URL_DYNAMODB: values.dynamo,
          AWS_ACCESS_KEY_ID: 'key',
          AWS_SECRET_ACCESS_KEY: 'secret',
        }),
  };
  const filled = (text: string): string => text.replaceAll('{dir}', values.dir);
  const run = (line: string, env: Advice['env'] = {}, piped?: string) => {
    const own = Object.entries(env).map(([name, value]) => [name, value === undefined ? undefined : filled(value)]);
    return runCommand(wordsOf(line, values), {
      env: { ...machine, ...Object.fromEntries(own) },
      clock: IMPATIENT,
      ...(piped === undefined ? {} : { piped }),
    });
  };
  const doAll = async (steps: Advice['helps'], env: Advice['env'], piped: string | undefined): Promise<void> => {
    for (const step of steps) {
      if (typeof step === 'function') await step(values.dir, servers);
      else {
        const { code, stdout, stderr } = await run(step.replace(/^! /, ''), env, piped);
        if (!step.startsWith('! ')) expect(code, `${step}: ${stdout}${stderr}`).toBe(0);
      }
    }
  };
  // What prepares a place of its own works there.
  const { env = {}, helpsEnv = env } = advice;
  await doAll(advice.given ?? [], advice.givenEnv, advice.piped);
  const failed = await run(advice.run, env, advice.piped);
  expect(failed.code, failed.stdout).not.toBe(0);
  const printed = /^try: {3}(.*)$/m.exec(failed.stderr)?.[1] ?? failed.failure().try ?? '';
  if (typeof advice.try === 'string') expect(printed).toBe(filled(advice.try));
  else expect(printed).toMatch(advice.try);
  await doAll(advice.helps, helpsEnv, advice.helpsPiped ?? advice.piped);
  told.add(printed);
}

describe('on this machine', () => {
  test.each([...WORDS_ADVICE, ...LOCAL_ADVICE, ...MACHINE_ADVICE, ...DECK_ADVICE, ...HISTORY_ADVICE, ...FLEET_ADVICE])(
    '$situation: what is advised helps',
    (row) => tryOut(row, 'local'),
  );
});

describe('on S3 and DynamoDB', () => {
  test.each([...AWS_ADVICE, ...FLEET_ON_AWS_ADVICE])('$situation: what is advised helps', (row) => tryOut(row, 'aws'));
});

describe('the advice in the sources', () => {
  const isTold = ({ pattern }: AdviceText): boolean => [...told].some((text) => pattern.test(text));
  const reasonFor = (advice: AdviceText) =>
    NOT_TRIED.find(({ file, text }) => file.test(advice.file) && (text === undefined || text.test(advice.text)));

  test('is tried by a row, or there is a reason why not', () => {
    const left = adviceInSources().filter((advice) => !isTold(advice) && reasonFor(advice) === undefined);
    expect(left.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });

  test('has no reason that is not needed', () => {
    const needed = new Set(adviceInSources().flatMap((advice) => (isTold(advice) ? [] : [reasonFor(advice)])));
    expect(NOT_TRIED.filter((reason) => !needed.has(reason)).map(({ why }) => why)).toEqual([]);
  });

  test('names only commands and options that there are', async () => {
    const program = await buildProgram(silent(), async () => {});
    const wrong = adviceInSources().filter(({ text }) =>
      [
        ...text.matchAll(
          /javumbo ([a-z][a-z0-9-]*)(?: ([a-z][a-z0-9-]*))?((?: (?:<\w+>|\$\{[^}]*\}))*)((?: --[a-z-]+)*)/g,
        ),
      ].some(
        ([, noun, verb, , options = '']) => !isCommand(program, [noun ?? '', verb ?? ''], options.trim().split(' ')),
      ),
    );
    expect(wrong.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
    expect(isCommand(program, ['db', 'lost'], [])).toBe(false);
  });
});

function silent(): Context {
  const output = { write: () => true };
  return { env: {}, stdout: output, stderr: output, clock: IMPATIENT, random: systemRandom, cleanUps: new CleanUps() };
}

function isCommand(program: Command, [noun, verb]: readonly string[], options: readonly string[]): boolean {
  const found = program.commands.find((each) => each.name() === noun);
  // A noun alone is one in a sentence.
  if (found !== undefined && verb === '') return true;
  const command = found?.commands.length === 0 ? found : found?.commands.find((each) => each.name() === verb);
  const known = [...(command?.options ?? []), ...program.options].map(({ long }) => long);
  return (
    command !== undefined && options.every((option) => option === '' || option === '--help' || known.includes(option))
  );
}
