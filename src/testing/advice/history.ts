import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Advice } from './advice.ts';

const CREATE = 'db create alice';
const NOTE = 'db add-note alice --field a --field b';
const BACKUP = 'backup create {dir}/backup';

/** What history and backups have to do with. */
export const HISTORY_ADVICE: readonly Advice[] = [
  {
    situation: 'a history of a user who never had a database',
    run: 'db history alice',
    try: 'javumbo db list',
    helps: ['db list'],
  },
  {
    situation: 'a history that begins nowhere',
    given: [CREATE],
    run: 'db history alice --from nowhere',
    try: 'javumbo db history alice',
    helps: ['db history alice'],
  },
  {
    situation: 'a point in time of which the store knows nothing',
    given: [CREATE, NOTE],
    run: 'db restore alice --at 99 --yes',
    try: 'javumbo db history alice',
    helps: ['db history alice', 'db restore alice --at 1 --yes'],
  },
  {
    situation: 'what is no time',
    given: [CREATE],
    run: 'db info alice --at 2026-02-30',
    try: '--at 2026-11-26T10:00',
    helps: ['db info alice --at 0s'],
  },
  {
    situation: 'a restore of a deletion',
    given: [CREATE, 'db delete alice --yes'],
    run: 'db restore alice --at 2 --yes',
    try: '--at 1, what it was before',
    helps: ['db restore alice --at 1 --yes'],
  },
  {
    situation: 'a difference to what was never there',
    given: [CREATE],
    run: 'db diff alice',
    try: 'javumbo db history alice',
    helps: ['db history alice', NOTE, 'db diff alice'],
  },
  {
    situation: 'a repair of the past',
    given: [CREATE, NOTE],
    run: 'db check alice --repair --at 1',
    try: 'javumbo db restore alice --at 1',
    helps: ['db restore alice --at 1 --yes', 'db check alice --repair'],
  },
  {
    situation: 'a restore that has nobody to ask',
    given: [CREATE, NOTE],
    run: 'db restore alice --at 1',
    try: 'javumbo db diff alice --from 2 --to 1, and then --yes',
    helps: ['db diff alice --from 2 --to 1', 'db restore alice --at 1 --yes'],
  },
  {
    situation: 'an edit that leaves no collection',
    given: [CREATE],
    run: `db exec alice 'DROP TABLE col'`,
    try: '--force, or javumbo db delete for the whole database',
    helps: [`db exec alice 'DROP TABLE col' --force --yes`, 'db delete alice --yes'],
  },
  {
    situation: 'an audit of nobody',
    given: [CREATE],
    run: 'db audit',
    try: 'javumbo db audit --all',
    helps: ['db audit --all'],
  },
  {
    situation: 'a backup folder that is none',
    given: [CREATE],
    run: 'backup verify {dir}/backup',
    try: 'the folder that javumbo backup create wrote',
    helps: [BACKUP, 'backup verify {dir}/backup'],
  },
  {
    situation: 'a backup into a folder with something else in it',
    given: [CREATE, (directory) => writeFileSync(join(directory, 'mine.txt'), 'mine')],
    run: 'backup create {dir}',
    try: 'a directory of its own, which need not exist',
    helps: [BACKUP],
  },
  {
    situation: 'a backup of two deployments in one folder',
    given: [CREATE, BACKUP, 'db create bob'],
    givenEnv: { JAVUMBO_HOME: '{dir}/one' },
    run: BACKUP,
    env: { JAVUMBO_HOME: '{dir}/two' },
    try: 'a directory of its own for each deployment',
    helps: [CREATE, 'backup create {dir}/other'],
  },
  {
    situation: 'a backup folder in a file',
    given: [CREATE, (directory) => writeFileSync(join(directory, 'file'), '')],
    run: 'backup create {dir}/file/backup',
    try: 'another directory',
    helps: [BACKUP],
  },
  {
    situation: 'a run that there was not',
    given: [CREATE, BACKUP],
    run: 'backup restore {dir}/backup --run 2020-01-01',
    try: 'javumbo backup list {dir}/backup',
    helps: ['backup list {dir}/backup', 'backup restore {dir}/backup'],
  },
  {
    situation: 'a user whom a backup does not have',
    given: [CREATE, BACKUP],
    run: 'backup restore {dir}/backup --only bob',
    try: 'javumbo backup list {dir}/backup, and --run <time>',
    helps: ['backup list {dir}/backup', 'backup restore {dir}/backup --only alice'],
  },
  {
    situation: 'a run of a damaged manifest, though there is another',
    given: [CREATE, BACKUP, NOTE, BACKUP, (directory) => spoil(join(directory, 'backup', 'runs'))],
    run: 'backup restore {dir}/backup',
    try: 'javumbo backup list {dir}/backup, and --run <time>',
    helps: ['! backup list {dir}/backup'],
  },
  {
    situation: 'a manifest of a later version',
    given: [
      CREATE,
      BACKUP,
      (directory) => cpSync(join(directory, 'backup'), join(directory, 'good'), { recursive: true }),
      (directory) => later(join(directory, 'backup', 'runs')),
    ],
    run: 'backup restore {dir}/backup',
    try: 'that version of javumbo',
    helps: ['backup restore {dir}/good'],
  },
  {
    situation: 'a sabotage that there is not',
    run: 'verify consistency --sabotage nonsense --duration 1s',
    try: /^--sabotage with one of [a-z, -]+$/,
    helps: ['verify consistency --help'],
  },
  {
    situation: 'a fault that there is not',
    run: 'verify consistency --faults nonsense --duration 1s',
    try: /^--faults with some of [a-z0-9, -]+$/,
    helps: ['verify consistency --help'],
  },
  {
    situation: 'a history that is none',
    given: [(directory) => writeFileSync(join(directory, 'history.jsonl'), 'no history\n')],
    run: 'verify consistency --check {dir}/history.jsonl',
    try: 'a file that --history wrote',
    helps: ['verify consistency --help'],
  },
];

function newest(runs: string): string {
  return join(runs, readdirSync(runs).sort().at(-1) ?? '');
}

function spoil(runs: string): void {
  appendFileSync(newest(runs), 'no line of a manifest\n');
}

function later(runs: string): void {
  const path = newest(runs);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"schemaVersion":1', '"schemaVersion":99'));
}
