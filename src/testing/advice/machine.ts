import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { betterSqlite } from '../../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import { spoil } from '../bad-files.ts';
import type { Advice } from './advice.ts';

const CREATE = 'db create alice';
const PULL = 'db pull alice --out {dir}/a.anki2';
const REPORT = 'bench latency --rtt 0ms --requests 1 --report json={dir}/report.json';
const HOME = { JAVUMBO_HOME: '{dir}/home' };

let holder: SqliteDatabase | undefined;

/** What the environment, other programs and other files have to do with. */
export const MACHINE_ADVICE: readonly Advice[] = [
  {
    situation: 'an empty S3_BUCKET',
    run: 'db list',
    env: { S3_BUCKET: '' },
    try: "a bucket's name in S3_BUCKET, or unset it for the local deployment",
    helps: ['db list'],
    helpsEnv: {},
  },
  {
    situation: 'an address in the environment that is none',
    run: 'config show --bucket b',
    env: { AWS_ENDPOINT_URL_S3: 'x' },
    try: /^an address such as http/,
    helps: ['config show --bucket b'],
    helpsEnv: { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' },
  },
  {
    situation: 'a size without a unit',
    run: 'db list',
    env: { JAVUMBO_HISTORY_MAX: '500' },
    try: 'JAVUMBO_HISTORY_MAX=500MB or JAVUMBO_HISTORY_MAX=500B',
    helps: ['db list'],
    helpsEnv: { JAVUMBO_HISTORY_MAX: '500MB' },
  },
  {
    situation: 'an engine of SQLite that is none',
    run: 'db list',
    env: { JAVUMBO_SQLITE_ENGINE: 'x' },
    try: 'better-sqlite3 or node:sqlite',
    helps: ['db list'],
    helpsEnv: { JAVUMBO_SQLITE_ENGINE: 'better-sqlite3' },
  },
  {
    situation: 'a proxy whose address is none',
    run: 'config show --bucket b',
    env: { HTTPS_PROXY: 'ftp://proxy' },
    try: 'an address such as http://proxy.example:3128, or unset HTTPS_PROXY',
    helps: ['config show --bucket b'],
    helpsEnv: { HTTPS_PROXY: 'http://proxy.example:3128' },
  },
  {
    situation: 'a profile, and none is there',
    run: 'db list --bucket b --profile nope',
    env: { HOME: '{dir}' },
    try: 'aws configure, which makes one',
    helps: [
      // The SDK reads the file of one home once.
      (directory) => {
        mkdirSync(join(directory, 'later', '.aws'), { recursive: true });
        writeFileSync(join(directory, 'later', '.aws', 'config'), '[profile nope]\nregion = eu-west-1\n');
      },
      'config show --bucket b --profile nope',
    ],
    helpsEnv: { HOME: '{dir}/later' },
  },
  {
    situation: 'a profile that is not among those there',
    given: [
      (directory) => {
        mkdirSync(join(directory, '.aws'));
        writeFileSync(join(directory, '.aws', 'config'), '[profile mine]\nregion = eu-west-1\n');
      },
    ],
    run: 'db list --bucket b --profile nope',
    env: { HOME: '{dir}' },
    try: 'one of mine',
    helps: ['config show --bucket b --profile mine'],
  },
  {
    situation: 'Terraform that was never applied',
    given: [terraform('{}')],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    try: 'terraform -chdir={dir} apply',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'Terraform of something else',
    given: [terraform('{"x":{"value":"y","type":"string","sensitive":false}}')],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    try: 'the directory of javumbo’s own configuration (infra), applied again',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'an output of Terraform that is secret',
    given: [terraform(outputs({ sensitive: true }))],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    try: 'without sensitive = true in output "s3_bucket_name"',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'an output of Terraform that is no name',
    given: [terraform(outputs({ value: 7 }))],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    try: 'a name in output "s3_bucket_name"',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'Terraform that answers with something else',
    given: [terraform('not JSON')],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    // It shows which program that is; with another it works.
    try: 'terraform version',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'Terraform that fails',
    given: [terraform('', 'echo "Error: no state" >&2; exit 1')],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/bin:/bin:/usr/bin' },
    // It shows the whole of what the message is the first line of.
    try: 'terraform -chdir={dir} output',
    helps: [terraform(outputs({})), 'config show --terraform {dir}'],
  },
  {
    situation: 'no Terraform',
    given: [(directory) => void mkdirSync(join(directory, 'empty'))],
    run: 'config show --terraform {dir}',
    env: { PATH: '{dir}/empty' },
    try: 'install Terraform or OpenTofu, or name --bucket, --users-table, --locks-table, --function and --api-url',
    helps: ['config show --bucket b --users-table users --locks-table locks --function f --api-url https://127.0.0.1'],
  },
  {
    situation: 'runs of two benchmarks',
    given: [
      REPORT,
      'bench latency --rtt 0ms --requests 2 --report json={dir}/other.json',
      REPORT.replace('report.json', 'again.json'),
    ],
    run: 'bench compare {dir}/report.json {dir}/other.json',
    try: 'two runs of one benchmark with the same options',
    helps: ['bench compare {dir}/report.json {dir}/again.json'],
  },
  {
    situation: 'a metric that no run has',
    given: [REPORT],
    run: 'bench compare {dir}/report.json {dir}/report.json --metric none',
    try: /^--metric downloadMs\|/,
    helps: ['bench compare {dir}/report.json {dir}/report.json --metric downloadMs'],
  },
  {
    situation: 'reports of verify, which are not compared',
    given: ['verify day2 --only 2.1 --rtt 0ms --report json={dir}/v.json', REPORT],
    run: 'bench compare {dir}/v.json {dir}/v.json --metric none',
    try: /./,
    helps: ['bench compare {dir}/report.json {dir}/report.json'],
  },
  {
    situation: 'prices that are none',
    given: [(directory) => writeFileSync(join(directory, 'prices.json'), '[]')],
    run: 'bench latency --rtt 0ms --requests 1 --prices {dir}/prices.json',
    try: /^a JSON object with "date" and any of /,
    helps: [
      (directory) => writeFileSync(join(directory, 'prices.json'), '{"date":"2026-01-01"}'),
      'bench latency --rtt 0ms --requests 1 --prices {dir}/prices.json',
    ],
  },
  {
    situation: 'an index of the local deployment that is damaged',
    given: [
      `${CREATE}`,
      (directory) => {
        cpSync(join(directory, 'home'), join(directory, 'backup'), { recursive: true });
        for (const name of sqliteFilesIn(join(directory, 'home'))) writeFileSync(name, 'garbage '.repeat(1000));
      },
    ],
    givenEnv: HOME,
    run: 'db list',
    env: HOME,
    try: 'a backup of the directory in JAVUMBO_HOME',
    helps: [
      (directory) => {
        rmSync(join(directory, 'home'), { recursive: true });
        cpSync(join(directory, 'backup'), join(directory, 'home'), { recursive: true });
      },
      "db query alice 'SELECT 1'",
    ],
  },
  {
    situation: 'an index over a function that is not here',
    given: [
      CREATE,
      PULL,
      (directory) => spoil(join(directory, 'a.anki2'), 'CREATE INDEX i ON notes (mine(flds))'),
      'db push alice {dir}/a.anki2 --force --yes',
    ],
    run: 'db add-note alice --field a',
    try: "javumbo db query alice 'SELECT type, name, sql FROM sqlite_master'",
    helps: [`db query alice 'SELECT type, name, sql FROM sqlite_master'`],
  },
  {
    situation: 'a push of a file with an index by a collation that is not here',
    given: [
      CREATE,
      PULL,
      (directory) => {
        copyFileSync(join(directory, 'a.anki2'), join(directory, 'without.anki2'));
        spoil(
          join(directory, 'a.anki2'),
          `CREATE INDEX c ON notes (flds);
           UPDATE sqlite_master SET sql = 'CREATE INDEX c ON notes (flds COLLATE mine)' WHERE name = 'c'`,
        );
      },
    ],
    run: 'db push bob {dir}/a.anki2',
    try: 'the same file without what its schema has and SQLite does not know',
    helps: ['db push bob {dir}/without.anki2'],
  },
  {
    situation: 'a push of a file that another program holds',
    given: [
      CREATE,
      PULL,
      (directory) => {
        holder = betterSqlite.open(join(directory, 'a.anki2'), 'read-write');
        holder.exec('BEGIN EXCLUSIVE');
      },
    ],
    run: 'db push bob {dir}/a.anki2',
    try: 'close the program that uses the file, or check its permissions',
    helps: [() => holder?.close(), 'db push bob {dir}/a.anki2'],
  },
  {
    situation: 'a push of a file without the -wal that holds its rows',
    given: [
      (directory) => {
        const database = betterSqlite.open(join(directory, 'whole.anki2'), 'read-write');
        database.exec('PRAGMA journal_mode = wal');
        database.exec('CREATE TABLE t (a)');
        copyFileSync(join(directory, 'whole.anki2'), join(directory, 'alone.anki2'));
        holder = database;
      },
    ],
    run: 'db push bob {dir}/alone.anki2',
    try: 'the original file, or a copy together with its -wal',
    helps: ['db push bob {dir}/whole.anki2', () => holder?.close()],
  },
  {
    situation: 'contexts that are none',
    given: [contexts('[]')],
    env: { XDG_CONFIG_HOME: '{dir}' },
    run: 'db list',
    try: /^javumbo config save <name>, after a look at /,
    helps: [contexts('{"contexts":{}}'), 'config save x --bucket b'],
  },
  {
    situation: 'a context that is gone',
    given: [contexts('{"current":"x","contexts":{}}')],
    env: { XDG_CONFIG_HOME: '{dir}' },
    run: 'db list',
    try: 'javumbo config use local',
    helps: ['config use local', 'db list'],
  },
  {
    situation: 'a context in use',
    given: ['config save x --bucket b', 'config use x'],
    run: 'config remove x',
    try: 'javumbo config use local, or another one, and then the same command',
    helps: ['config use local', 'config remove x'],
  },
  {
    situation: 'a context and another bucket',
    given: ['config save x --bucket b'],
    env: { S3_BUCKET: 'c' },
    run: 'config show --context x',
    try: 'unset S3_BUCKET, or the command without --context',
    helps: ['config show'],
  },
  {
    situation: 'a context and --bucket with another one',
    given: ['config save y --bucket b'],
    run: 'config show --context y --bucket c',
    try: 'one of the two',
    helps: ['config show --context y', 'config show --bucket c'],
  },
  {
    situation: 'a context of a name that another one has',
    given: ['config save z --bucket b'],
    run: 'config save z --bucket c',
    try: 'another name, or --yes to replace it',
    helps: ['config save zz --bucket c', 'config save z --bucket c --yes'],
  },
  {
    situation: 'a place where no contexts can be kept',
    given: [(directory) => writeFileSync(join(directory, 'file'), '')],
    env: { XDG_CONFIG_HOME: '{dir}/file' },
    run: 'config save x --bucket b',
    try: 'another directory in XDG_CONFIG_HOME',
    helps: ['config save x --bucket b'],
    helpsEnv: { XDG_CONFIG_HOME: '{dir}' },
  },
  {
    situation: 'a lease that lasts too long',
    given: [CREATE],
    run: `db exec alice 'DELETE FROM graves' --lease --lease-ttl 9999h`,
    try: /./,
    helps: [`db exec alice 'DELETE FROM graves' --lease --lease-ttl 5s`],
  },
];

function contexts(text: string): (directory: string) => void {
  return (directory) => {
    mkdirSync(join(directory, 'javumbo'), { recursive: true });
    writeFileSync(join(directory, 'javumbo', 'config.json'), text);
  };
}

/** Puts a program `terraform` before all others, which prints that. */
function terraform(printed: string, script = ''): (directory: string) => void {
  return (directory) => {
    mkdirSync(join(directory, 'bin'), { recursive: true });
    writeFileSync(join(directory, 'outputs'), printed);
    writeFileSync(join(directory, 'bin', 'terraform'), `#!/bin/sh\n${script}\ncat ${directory}/outputs\n`, {
      mode: 0o755,
    });
  };
}

function outputs(bucket: { readonly sensitive?: boolean; readonly value?: unknown }): string {
  const output = (value: string) => ({ value, type: 'string', sensitive: false });
  return JSON.stringify({
    s3_bucket_name: { ...output('b'), ...bucket },
    aws_region: output('eu-west-1'),
    dynamodb_table_name: output('users'),
    dynamodb_users_table_name: output('users'),
    dynamodb_locks_table_name: output('locks'),
    lambda_function_name: output('f'),
    api_gateway_url: output('https://127.0.0.1'),
  });
}

function sqliteFilesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(db|sqlite)(-wal|-shm)?$/.test(path))
    .map((path) => join(directory, path));
}
