import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import type { Advice } from './advice.ts';

// What is left behind is no place for a process.
const BEFORE = process.cwd();

const CREATE = 'db create alice';
const ACCOUNT = 'user create bob --name Bob --password-stdin';
const REPORT = 'bench latency --rtt 0ms --requests 1 --report json={dir}/report.json';
const PASSWORD = 'correct horse';

/** What needs nothing but this machine. */
export const LOCAL_ADVICE: readonly Advice[] = [
  {
    situation: 'nobody has that database',
    run: 'db copy alice bob',
    try: 'javumbo db list',
    helps: ['db list'],
  },
  {
    situation: 'nobody has a database that is to be changed',
    run: 'db add-note alice --field a --field b',
    try: 'javumbo db create alice',
    helps: [CREATE, 'db add-note alice --field a --field b'],
  },
  {
    situation: 'somebody has that database already',
    given: [CREATE],
    run: CREATE,
    try: 'javumbo db info alice',
    helps: ['db info alice'],
  },
  {
    situation: 'a version that is no version',
    given: [CREATE, 'db pull alice --out {dir}/a.anki2'],
    run: `db push alice {dir}/a.anki2 --if-version 'x y'`,
    try: 'javumbo db info alice',
    helps: ['db info alice'],
  },
  {
    situation: 'a version of a database that is not there',
    given: [CREATE, 'db pull alice --out {dir}/a.anki2'],
    run: 'db push bob {dir}/a.anki2 --if-version abc',
    try: 'javumbo db push without --if-version, which stores a new one',
    helps: ['db push bob {dir}/a.anki2'],
  },
  {
    situation: 'nobody has that account',
    run: 'user get bob',
    try: 'javumbo user list',
    helps: ['user list'],
  },
  {
    situation: 'somebody has that account already',
    given: [ACCOUNT],
    piped: PASSWORD,
    run: ACCOUNT,
    try: 'javumbo user get bob',
    helps: ['user get bob'],
  },
  {
    situation: 'an account whose database is there from before',
    given: ['db create bob'],
    piped: PASSWORD,
    run: `${ACCOUNT} --with-database`,
    try: 'javumbo db info bob; then without --with-database, or after javumbo db delete bob',
    helps: ['db info bob', ACCOUNT],
  },
  {
    situation: 'an update of an account that updates nothing',
    given: [ACCOUNT],
    piped: PASSWORD,
    run: 'user update bob',
    try: '--name, --password-stdin, or both',
    helps: ['user update bob --name Robert'],
  },
  {
    situation: 'a name without a letter',
    piped: PASSWORD,
    run: `user create bob --password-stdin --name ''`,
    try: /^--name with 1 to \d+ characters$/,
    helps: [ACCOUNT],
  },
  {
    situation: 'no terminal, and no password on standard input',
    run: 'user create bob --name Bob',
    try: 'the same command with --password-stdin, and the password on standard input',
    helps: [ACCOUNT],
    helpsPiped: PASSWORD,
  },
  {
    situation: 'nothing on standard input, where the password should be',
    piped: '',
    run: ACCOUNT,
    try: 'printf \'%s\' "$PASSWORD" | javumbo … --password-stdin',
    helps: [ACCOUNT],
    helpsPiped: PASSWORD,
  },
  {
    situation: 'a list of accounts that begins behind nothing',
    run: `user list --after ''`,
    try: 'without --after, which lists from the beginning',
    helps: ['user list'],
  },
  {
    situation: 'accounts of something that is none',
    given: [(directory) => sqliteFile(join(directory, 'other.db'), 'CREATE TABLE t (a)'), adminDatabase],
    run: 'user import {dir}/other.db',
    try: 'the admin.db of the monolith',
    helps: ['user import {dir}/admin.db'],
  },
  {
    situation: 'databases in a directory that is none',
    given: [adminDatabase],
    run: 'user import {dir}/admin.db --with-databases {dir}/none',
    try: 'another --with-databases',
    helps: ['user import {dir}/admin.db --with-databases {dir}'],
  },
  {
    situation: 'a username of tests',
    run: 'db create javumbo-test-x',
    try: 'another username',
    helps: [CREATE],
  },
  {
    situation: 'a username that cannot be one',
    run: `db create 'a b'`,
    try: 'a letter or digit, then at most 127 letters, digits or . _ @ + -',
    helps: [CREATE],
  },
  {
    situation: 'a pull over a file that may hold changes',
    given: [CREATE, 'db pull alice --out {dir}/alice.anki2', (directory) => process.chdir(directory)],
    run: 'db pull alice',
    try: 'javumbo db pull alice --out <file>',
    helps: ['db pull alice --out {dir}/other.anki2', () => process.chdir(BEFORE)],
  },
  {
    situation: 'a pull into a directory that is not there',
    given: [CREATE],
    run: 'db pull alice --out {dir}/new/a.anki2',
    try: 'mkdir -p {dir}/new',
    helps: [(directory) => void mkdirSync(join(directory, 'new')), 'db pull alice --out {dir}/new/a.anki2'],
  },
  {
    situation: 'a pull into a directory',
    given: [CREATE],
    run: 'db pull alice --out {dir}',
    try: '--out with the name of a file, which is replaced in one step',
    helps: ['db pull alice --out {dir}/a.anki2'],
  },
  {
    situation: 'a pull into a name that is too long',
    given: [CREATE],
    run: `db pull alice --out {dir}/${'x'.repeat(250)}`,
    try: 'another --out',
    helps: ['db pull alice --out {dir}/x'],
  },
  {
    situation: 'a push of a file that is not there',
    given: [CREATE, 'db pull alice --out {dir}/a.anki2'],
    run: 'db push bob {dir}/none.anki2',
    try: 'another path',
    helps: ['db push bob {dir}/a.anki2'],
  },
  {
    situation: 'a push of a directory',
    given: [CREATE, 'db pull alice --out {dir}/a.anki2'],
    run: 'db push bob {dir}',
    try: 'the path of an .anki2 file',
    helps: ['db push bob {dir}/a.anki2'],
  },
  {
    situation: 'a push of a file beside which something has the name of its journal',
    given: [
      CREATE,
      'db pull alice --out {dir}/a.anki2',
      'db pull alice --out {dir}/b.anki2',
      (directory) => void mkdirSync(join(directory, 'a.anki2-journal')),
    ],
    run: 'db push bob {dir}/a.anki2',
    try: 'the file alone, in another directory',
    helps: ['db push bob {dir}/b.anki2'],
  },
  {
    situation: 'a push of what is not SQLite',
    given: [
      CREATE,
      'db pull alice --out {dir}/a.anki2',
      (directory) => writeFileSync(join(directory, 'b.anki2'), 'text'.repeat(1000)),
    ],
    run: 'db push bob {dir}/b.anki2',
    try: 'a sound copy of the file',
    helps: ['db push bob {dir}/a.anki2'],
  },
  {
    situation: 'a push that replaces both any version and one',
    given: [CREATE, 'db pull alice --out {dir}/a.anki2'],
    run: 'db push alice {dir}/a.anki2 --force --if-version abc',
    try: 'one of the two',
    helps: ['db push alice {dir}/a.anki2 --force --yes'],
  },
  {
    situation: 'a note for a filtered deck',
    given: [
      CREATE,
      `db exec alice 'UPDATE col SET decks = json_set(decks, ''$."9"'', json(''{"id":9,"name":"F","dyn":1}''))'`,
    ],
    run: 'db add-note alice --field a --deck F',
    try: 'name a deck that is not filtered',
    helps: ['db add-note alice --field a --deck G'],
  },
  {
    situation: 'a deck with a name that is too long',
    given: [CREATE],
    run: `db add-note alice --field a --deck ${Array(200).fill('x').join('::')}`,
    try: 'a shorter --deck',
    helps: ['db add-note alice --field a --deck x'],
  },
  {
    situation: 'a trigger of the user’s in a collection to which a note is added',
    given: [CREATE, `db exec alice 'CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END'`],
    run: 'db add-note alice --field a',
    try: `javumbo db exec alice 'DROP TRIGGER "t"'`,
    helps: [`db exec alice 'DROP TRIGGER "t"'`, 'db add-note alice --field a'],
  },
  {
    situation: 'a repair of what is no collection',
    given: [
      CREATE,
      `db exec alice 'DROP TABLE col; DROP TABLE notes; DROP TABLE cards; DROP TABLE revlog; DROP TABLE graves' --yes --force`,
    ],
    run: 'db check alice --repair',
    try: 'javumbo db exec alice, which needs none of them',
    helps: [`db exec alice 'CREATE TABLE t (x)'`],
  },
  {
    situation: 'a collection that has lost a table of Anki’s',
    given: [CREATE, 'db pull alice --out {dir}/backup.anki2', `db exec alice 'DROP TABLE notes' --yes`],
    run: 'db add-note alice --field a',
    try: 'javumbo db history alice, and db restore of a sound one; or a backup, with db push --force',
    helps: ['db history alice', 'db restore alice --at 1 --yes', 'db add-note alice --field a'],
  },
  {
    situation: 'a clean-up that has nobody to ask',
    given: [CREATE],
    run: 'clean s3 --prefix user_dbs/',
    try: '--dry-run to see what would go, and then --yes',
    helps: ['clean s3 --prefix user_dbs/ --dry-run', 'clean s3 --prefix user_dbs/ --yes'],
  },
  {
    situation: 'a cache directory that is a file',
    given: [(directory) => writeFileSync(join(directory, 'file'), '')],
    run: 'db create alice --cache-dir {dir}/file',
    try: 'another directory with --cache-dir',
    helps: ['db create alice --cache-dir {dir}/cache'],
  },
  {
    situation: 'a cache directory to which others may write',
    given: [
      (directory) => {
        mkdirSync(join(directory, 'open'));
        chmodSync(join(directory, 'open'), 0o777);
      },
    ],
    run: 'db create alice --cache-dir {dir}/open',
    try: 'chmod 700 {dir}/open, or another directory with --cache-dir',
    helps: [(directory) => chmodSync(join(directory, 'open'), 0o700), 'db create alice --cache-dir {dir}/open'],
  },
  {
    situation: 'a directory of the local deployment that is a file',
    given: [(directory) => writeFileSync(join(directory, 'file'), '')],
    run: 'deployment create',
    env: { JAVUMBO_HOME: '{dir}/file' },
    try: 'another path in JAVUMBO_HOME',
    helps: ['deployment create'],
    helpsEnv: { JAVUMBO_HOME: '{dir}/home' },
  },
  {
    situation: 'a directory of the local deployment below a file',
    given: [(directory) => writeFileSync(join(directory, 'file'), '')],
    run: 'db create alice',
    env: { JAVUMBO_HOME: '{dir}/file/home' },
    try: 'name a directory that you can write to with JAVUMBO_HOME',
    helps: ['db create alice'],
    helpsEnv: { JAVUMBO_HOME: '{dir}/home' },
  },
  {
    situation: 'a package over a file that is none',
    given: [(directory) => writeFileSync(join(directory, 'mine.zip'), 'mine')],
    run: 'function package --out {dir}/mine.zip',
    try: 'another --out, or --yes to replace it',
    helps: ['function package --out {dir}/other.zip', 'function package --out {dir}/mine.zip --yes'],
  },
  {
    situation: 'a package at a place that cannot be written',
    run: 'function package --out {dir}/none/package.zip',
    try: /another --out|mkdir/,
    helps: ['function package --out {dir}/package.zip'],
  },
  {
    situation: 'a function on this machine that is to be deployed',
    run: 'function deploy',
    try: '--bucket and --function, for a deployment on AWS',
    helps: ['function deploy --help'],
  },
  {
    situation: 'a published version that is to be deployed to',
    run: 'function deploy --bucket b --function f:live',
    try: "the function's name without :live",
    helps: ['config show --bucket b --function f'],
  },
  {
    situation: 'a report that is none',
    given: [(directory) => writeFileSync(join(directory, 'r.json'), '{}'), REPORT],
    run: 'report show {dir}/r.json',
    try: 'a file that --report json=<file> wrote',
    helps: ['report show {dir}/report.json'],
  },
  {
    situation: 'a collection for a newer Anki',
    given: [CREATE, `db exec alice 'UPDATE col SET ver = 18'`, CREATE.replace('alice', 'bob')],
    run: 'db add-note alice --field a',
    try: /Support older Anki versions|Downgrade & Quit/,
    helps: [
      'db pull bob --out {dir}/old.anki2',
      'db push alice {dir}/old.anki2 --force --yes',
      'db add-note alice --field a',
    ],
  },
];

function sqliteFile(path: string, sql: string): void {
  const database = betterSqlite.open(path, 'read-write');
  database.exec(sql);
  database.close();
}

function adminDatabase(directory: string): void {
  const hash = `$2b$12$${'a'.repeat(53)}`;
  sqliteFile(
    join(directory, 'admin.db'),
    `CREATE TABLE users (user_id, username, name, password_hash); INSERT INTO users VALUES (1, 'ann', 'Ann', '${hash}')`,
  );
}
