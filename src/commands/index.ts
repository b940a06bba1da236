import type { Command } from 'commander';
import type { Execute } from './execute.ts';

type Register = (parent: Command, execute: Execute) => void;

// In help order. Each verb is loaded only when called: all of them take 35 ms, more than Node itself
// (benchmarks/results/start-up-before-and-after.md).
const NOUNS: readonly {
  readonly name: string;
  readonly description: string;
  /** By the word that calls them; of a command of one word, the command. */
  readonly verbs: Readonly<Record<string, () => Promise<Register>>> | (() => Promise<Register>);
  /** Adds options that all verbs take. */
  readonly each?: (command: Command) => void;
}[] = [
  {
    name: 'user',
    description: 'create, check, change and import accounts',
    verbs: {
      create: async () => (await import('./user/create.ts')).registerUserCreate,
      get: async () => (await import('./user/get.ts')).registerUserGet,
      list: async () => (await import('./user/list.ts')).registerUserList,
      authenticate: async () => (await import('./user/authenticate.ts')).registerUserAuthenticate,
      update: async () => (await import('./user/update.ts')).registerUserUpdate,
      delete: async () => (await import('./user/delete.ts')).registerUserDelete,
      import: async () => (await import('./user/import.ts')).registerUserImport,
    },
  },
  {
    name: 'db',
    description: 'create, read, change and move user databases',
    verbs: {
      create: async () => (await import('./db/create.ts')).registerDbCreate,
      info: async () => (await import('./db/info.ts')).registerDbInfo,
      list: async () => (await import('./db/list.ts')).registerDbList,
      query: async () => (await import('./db/query.ts')).registerDbQuery,
      exec: async () => (await import('./db/exec.ts')).registerDbExec,
      shell: async () => (await import('./db/shell.ts')).registerDbShell,
      'add-note': async () => (await import('./db/add-note.ts')).registerDbAddNote,
      check: async () => (await import('./db/check.ts')).registerDbCheck,
      pull: async () => (await import('./db/pull.ts')).registerDbPull,
      schema: async () => (await import('./db/schema.ts')).registerDbSchema,
      copy: async () => (await import('./db/copy.ts')).registerDbCopy,
      push: async () => (await import('./db/push.ts')).registerDbPush,
      export: async () => (await import('./db/export.ts')).registerDbExport,
      import: async () => (await import('./db/import.ts')).registerDbImport,
      delete: async () => (await import('./db/delete.ts')).registerDbDelete,
      purge: async () => (await import('./db/purge.ts')).registerDbPurge,
      history: async () => (await import('./db/history.ts')).registerDbHistory,
      audit: async () => (await import('./db/audit.ts')).registerDbAudit,
      diff: async () => (await import('./db/diff.ts')).registerDbDiff,
      restore: async () => (await import('./db/restore.ts')).registerDbRestore,
    },
  },
  {
    name: 'backup',
    description: 'copy everything into a folder, prove it, and bring it back',
    verbs: {
      create: async () => (await import('./backup/create.ts')).registerBackupCreate,
      verify: async () => (await import('./backup/verify.ts')).registerBackupVerify,
      restore: async () => (await import('./backup/restore.ts')).registerBackupRestore,
      list: async () => (await import('./backup/list.ts')).registerBackupList,
    },
  },
  {
    name: 'fleet',
    description: 'check, change and bring back the databases of all users',
    verbs: {
      check: async () => (await import('./fleet/check.ts')).registerFleetCheck,
      exec: async () => (await import('./fleet/exec.ts')).registerFleetExec,
      import: async () => (await import('./fleet/import.ts')).registerFleetImport,
      undo: async () => (await import('./fleet/undo.ts')).registerFleetUndo,
      stats: async () => (await import('./fleet/stats.ts')).registerFleetStats,
    },
  },
  {
    name: 'bench',
    description: 'measure the deployment',
    verbs: {
      latency: async () => (await import('./bench/latency.ts')).registerBenchLatency,
      cache: async () => (await import('./bench/cache.ts')).registerBenchCache,
      'hit-rate': async () => (await import('./bench/hit-rate.ts')).registerBenchHitRate,
      concurrent: async () => (await import('./bench/concurrent.ts')).registerBenchConcurrent,
      load: async () => (await import('./bench/load.ts')).registerBenchLoad,
      compare: async () => (await import('./bench/compare.ts')).registerBenchCompare,
      history: async () => (await import('./bench/history.ts')).registerBenchHistory,
    },
    each: testDataOptions,
  },
  {
    name: 'verify',
    description: 'prove that the deployment works, day by day',
    verbs: {
      day1: verify('day1'),
      day2: verify('day2'),
      day3: verify('day3'),
      day4: verify('day4'),
      day5: verify('day5'),
      all: verify('all'),
      consistency: async () => (await import('./verify/consistency.ts')).registerVerifyConsistency,
    },
    each: testDataOptions,
  },
  {
    name: 'function',
    description: 'call and deploy the function',
    verbs: {
      describe: async () => (await import('./function/describe.ts')).registerFunctionDescribe,
      invoke: async () => (await import('./function/invoke.ts')).registerFunctionInvoke,
      package: async () => (await import('./function/package.ts')).registerFunctionPackage,
      deploy: async () => (await import('./function/deploy.ts')).registerFunctionDeploy,
    },
  },
  {
    name: 'deployment',
    description: 'the bucket and the tables themselves',
    verbs: {
      create: async () => (await import('./deployment/create.ts')).registerDeploymentCreate,
      describe: async () => (await import('./deployment/describe.ts')).registerDeploymentDescribe,
    },
  },
  {
    name: 'report',
    description: 'what bench and verify write with --report json=<file>',
    verbs: {
      show: async () => (await import('./report/show.ts')).registerReportShow,
      schema: async () => (await import('./report/schema.ts')).registerReportSchema,
    },
  },
  {
    name: 'cache',
    description: 'the databases kept on this machine',
    verbs: {
      stats: async () => (await import('./cache/stats.ts')).registerCacheStats,
      clear: async () => (await import('./cache/clear.ts')).registerCacheClear,
    },
  },
  {
    name: 'clean',
    description: 'remove test data and cached files, and nothing else unless told to',
    verbs: {
      tmp: async () => (await import('./clean/tmp.ts')).registerCleanTmp,
      s3: async () => (await import('./clean/s3.ts')).registerCleanS3,
      users: async () => (await import('./clean/users.ts')).registerCleanUsers,
      all: async () => (await import('./clean/all.ts')).registerCleanAll,
    },
  },
  {
    name: 'config',
    description: 'where each setting comes from, and deployments by name',
    verbs: {
      show: async () => (await import('./config/show.ts')).registerConfigShow,
      list: async () => (await import('./config/list.ts')).registerConfigList,
      use: async () => (await import('./config/use.ts')).registerConfigUse,
      save: async () => (await import('./config/save.ts')).registerConfigSave,
      remove: async () => (await import('./config/remove.ts')).registerConfigRemove,
    },
  },
  {
    name: 'doctor',
    description: 'look for what endangers data',
    verbs: async () => (await import('./doctor/doctor.ts')).registerDoctor,
  },
  {
    name: 'completion',
    description: 'print the script that completes commands in bash, zsh or fish',
    verbs: async () => (await import('./completion/completion.ts')).registerCompletion,
  },
];

/**
 * Adds all nouns to the program. With `words`, adds only the verbs that those words can call: the verbs among them or,
 * for help and for a noun without a verb, all verbs of the noun.
 */
export async function registerCommands(program: Command, execute: Execute, words?: readonly string[]): Promise<void> {
  // `javumbo user --help get` shows the help of the noun.
  const asksHelp = words?.some((word) => ['--help', '-h', 'help'].includes(word)) === true;
  for (const { name, description, verbs, each } of NOUNS) {
    const isAsked = words === undefined || words.includes(name);
    if (typeof verbs === 'function') {
      if (isAsked) (await verbs())(program, execute);
      else program.command(name).description(description);
      continue;
    }
    const noun = program.command(name).description(description);
    if (!isAsked) continue;
    const named = asksHelp ? [] : Object.entries(verbs).filter(([verb]) => words?.includes(verb));
    const loads = named.length > 0 ? named.map(([, load]) => load) : Object.values(verbs);
    for (const register of await Promise.all(loads.map((load) => load()))) register(noun, execute);
    if (each !== undefined) noun.commands.forEach(each);
  }
}

/** Adds the option of commands that make test data. They find it in the invocation's run. */
function testDataOptions(command: Command): void {
  command.option('--keep', 'leave the test data where it is, and say what is kept');
}

function verify(name: string): () => Promise<Register> {
  return async () => {
    const { registerVerify } = await import('./verify/days.ts');
    return (parent, execute) => registerVerify(parent, execute, name);
  };
}
