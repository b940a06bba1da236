import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import { lockFile } from '../../sqlite/lock-file.ts';
import type { Advice } from './advice.ts';

const CREATE = 'db create alice';
const EXEC = 'fleet exec --file {dir}/m.sql';
const JOURNAL = '--journal {dir}/journal';
const RESUME = '--resume {dir}/journal';

const script = (directory: string): void => writeFileSync(join(directory, 'm.sql'), 'UPDATE col SET usn = usn + 1');
const other = (directory: string): void => writeFileSync(join(directory, 'm.sql'), 'UPDATE col SET usn = 0');
const names = (directory: string): void => writeFileSync(join(directory, 'names'), 'alice\n');

const DONE = [CREATE, script, `${EXEC} ${JOURNAL}`];

let lock: ReturnType<typeof lockFile>;

/** What migrations of all users have to do with. */
export const FLEET_ADVICE: readonly Advice[] = [
  {
    situation: 'a selection beside a journal that has one',
    given: DONE,
    run: `${EXEC} ${RESUME} --prefix a`,
    try: '--resume {dir}/journal alone',
    helps: [`${EXEC} ${RESUME}`],
  },
  {
    situation: 'two queries instead of one',
    given: [CREATE, script],
    run: `fleet check --without-accounts --where 'SELECT 1; SELECT 2'`,
    try: "--where 'SELECT count(*) > 0 FROM notes'",
    helps: [`fleet check --without-accounts --where 'SELECT count(*) > 0 FROM notes'`],
  },
  {
    situation: 'names in a file that is not there',
    given: [CREATE],
    run: 'fleet check --without-accounts --users {dir}/names',
    try: 'a file with a username on each line',
    helps: [names, 'fleet check --without-accounts --users {dir}/names'],
  },
  {
    situation: 'another script than the journal has',
    given: [...DONE, other],
    run: `${EXEC} ${RESUME}`,
    try: 'the fleet exec that it belongs to, or a new fleet exec without --resume',
    helps: [EXEC, script, `${EXEC} ${RESUME}`],
  },
  {
    situation: 'a journal that another process has',
    given: [
      ...DONE,
      (directory) => {
        lock = lockFile(betterSqlite, join(directory, 'journal.lock'));
      },
    ],
    run: `${EXEC} ${RESUME}`,
    try: 'the same command when that one has ended',
    helps: [() => lock?.release(), `${EXEC} ${RESUME}`],
  },
  {
    situation: 'a journal that is there already',
    given: DONE,
    run: `${EXEC} --again ${JOURNAL}`,
    try: '--resume with it, or another --journal',
    helps: [`${EXEC} ${RESUME}`, `${EXEC} --again --journal {dir}/another`],
  },
  {
    situation: 'a script that was run before',
    given: DONE,
    run: EXEC,
    try: '--again, if it is to be done once more',
    helps: [`${EXEC} --again`],
  },
  {
    situation: 'a script of which a run has stopped',
    given: [CREATE, script, `! ${EXEC} ${JOURNAL} --canary 1`],
    run: EXEC,
    try: '--resume {dir}/journal, or --again to do it once more',
    helps: [`${EXEC} ${RESUME}`, `${EXEC} --again`],
  },
  {
    situation: 'the journal of what was undone',
    given: [...DONE, 'fleet undo {dir}/journal --yes'],
    run: `${EXEC} ${RESUME}`,
    try: 'the same command without --resume',
    helps: [EXEC],
  },
  {
    situation: 'a journal where none can be',
    given: [CREATE, script],
    run: `${EXEC} --journal {dir}/m.sql/journal`,
    try: 'space on that disk, or another --journal',
    helps: [`${EXEC} ${JOURNAL}`],
  },
  {
    situation: 'a journal that is none',
    given: DONE,
    run: 'fleet undo {dir}/m.sql --yes',
    try: 'the file that fleet exec has named',
    helps: ['fleet undo {dir}/journal --yes'],
  },
  {
    situation: 'a journal with a line that is none',
    given: [...DONE, (directory) => appendFileSync(join(directory, 'journal'), '{}\n'), names],
    run: `${EXEC} ${RESUME}`,
    try: 'javumbo fleet check, and a new run with --again and --users for those who need it',
    helps: ['fleet check --without-accounts', `${EXEC} --again --users {dir}/names`],
  },
  {
    situation: 'a journal that was stopped before it had all names',
    given: [
      CREATE,
      script,
      names,
      `${EXEC} ${JOURNAL} --users {dir}/names`,
      (directory) => {
        const journal = join(directory, 'journal');
        rmSync(`${journal}.lock`);
        writeFileSync(journal, `${readFileSync(journal, 'utf8').split('\n')[0]}\n`);
      },
    ],
    run: `${EXEC} ${RESUME}`,
    try: 'a new run with --again, and without --resume',
    helps: [`${EXEC} --again`],
  },
  {
    situation: 'an undo where nothing was kept',
    given: [CREATE, script, 'backup create {dir}/backup', `${EXEC} ${JOURNAL} --no-undo`],
    run: 'fleet undo {dir}/journal --yes',
    try: 'a backup: javumbo backup restore <dir> --replace',
    helps: ['backup restore {dir}/backup --replace --yes'],
  },
  {
    situation: 'the journal of another deployment',
    given: [CREATE, script, `${EXEC} ${JOURNAL}`],
    givenEnv: { JAVUMBO_HOME: '{dir}/first' },
    run: `${EXEC} ${RESUME}`,
    try: 'the options, or the JAVUMBO_HOME, of that deployment',
    helps: [`${EXEC} ${RESUME}`],
    helpsEnv: { JAVUMBO_HOME: '{dir}/first' },
  },
];

/** The same on a bucket without versions. */
export const FLEET_ON_AWS_ADVICE: readonly Advice[] = [
  {
    situation: 'a migration on a bucket that keeps no versions',
    given: [CREATE, script],
    run: EXEC,
    try: '--keep <dir>, which keeps each database as it was, or --no-undo',
    helps: [`${EXEC} --keep {dir}/kept`, `${EXEC} --no-undo --again`],
  },
];
