/** What no row of the tables tries: which advice of which files, and why. */
export const NOT_TRIED: readonly {
  readonly file: RegExp;
  /** Default: all of the file. */
  readonly text?: RegExp;
  readonly why: string;
}[] = [
  {
    file: /^verify\/day\d/,
    why: 'where to look when a promise is broken, on a store that breaks it: verify/day*.test.ts and doctor/npm-s3.engine.ts fail them; that the commands exist is tested here',
  },
  { file: /^verify\/check/, why: 'the days skip nothing on loopback: commands/verify/options.process.test.ts' },
  {
    file: /^function\/|^bench\/function-requester/,
    why: 'needs a function that answers otherwise: function/client.process.test.ts and commands/function/*.process.test.ts make each answer, and the second call succeeds there',
  },
  {
    file: /^commands\/function\/deploy/,
    text: /--package/,
    why: 'needs a Lambda: commands/function/deploy.process.test.ts',
  },
  { file: /^lambda\//, why: 'for callers of the function that are not javumbo: lambda/handler.process.test.ts' },
  { file: /^library\//, why: 'for programs: library/library.process.test.ts' },
  {
    file: /^(shell\/session|commands\/db\/shell)/,
    text: /\.(rebase|save|status|commit|schema|tables|discard)|command\.name|OR ROLLBACK/,
    why: 'what to enter in a session: shell/session.test.ts and commands/db/shell.test.ts enter it',
  },
  { file: /^config\/contexts/, text: /chmod/, why: 'root, who runs the tests in a container, reads every file' },
  { file: /^databases\/(session|edits)/, why: 'for programs: no command gives that: databases/user-databases.test.ts' },
  {
    file: /^anki\/(note|stored-collection)/,
    text: /UTF-8|Downgrade/,
    why: 'for programs: the command line refuses it before',
  },
  { file: /^sqlite\/choose-engine/, why: 'needs another Node: sqlite/engine-fallback.process.test.ts' },
  {
    file: /^(sqlite\/(failure|index-file|table-file)|core\/cache-directory)/,
    text: /space|cache clear/,
    why: 'needs a full disk: databases/full-disk.process.test.ts, which makes room and goes on',
  },
  {
    file: /^sqlite\/table-file/,
    text: /stopped/,
    why: 'needs a stopped process that holds a lock: store/local-lock.test.ts',
  },
  { file: /^core\/replace-file/, why: 'needs a second user of the machine: core/private-files.process.test.ts' },
  { file: /^report\/files/, why: 'needs descriptors of a shell: report/fifo.process.test.ts' },
  { file: /^report\/schema/, why: 'says what the field is, and is no advice' },
  {
    file: /^commands\/bench\/compare/,
    text: /came to/,
    why: 'needs a run that was interrupted: cli/interrupted-reports.process.test.ts',
  },
  { file: /^config\/config/, text: /^ or $/, why: 'joins the names of the engines, which a row tries' },
  {
    file: /^(history|cleanup)\//,
    why: 'needs an engine that lists or deletes wrongly: history/object-versions.process.test.ts, commands/clean/s3.process.test.ts',
  },
  {
    file: /^doctor\/(finding|store)/,
    why: 'findings of engines that differ from S3: commands/doctor/engines.process.test.ts',
  },
  {
    file: /^store\/|^users\/repository/,
    why: 'needs an engine or a proxy that answers otherwise: aws/refusals.process.test.ts, store/*.process.test.ts; or another writer at the same moment',
  },
  {
    file: /^(provisioning|locks)\/|^aws\/dynamo-failure/,
    why: 'needs tables and buckets of others, or an interruption: commands/deployment/create.process.test.ts, locks/*.test.ts',
  },
  {
    file: /^backup\/folder/,
    text: /the same command when/,
    why: 'needs another process in the same folder, or a full disk: commands/backup/*.test.ts',
  },
  {
    file: /^backup\/manifest/,
    text: /^another run/,
    why: 'the run with the damage is named beside it: commands/backup/backup.test.ts',
  },
  {
    file: /^commands\/backup\/deployment-accounts/,
    why: 'needs a table that cannot be read: commands/backup/*.test.ts',
  },
  { file: /^exchange\/(media|package|schema18)/, why: 'needs 4 GB of media, or Anki itself' },
  {
    file: /^commands\/db\/audit/,
    text: /switches them on/,
    why: 'helps from the next commit on: history/audit.process.test.ts, commands/deployment/create.process.test.ts',
  },
  {
    file: /^(consistency|commands\/report-options)/,
    text: /^another/,
    why: 'needs a file that cannot be written: commands/verify/consistency.process.test.ts',
  },
];
