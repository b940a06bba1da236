import type { Command } from 'commander';
import type { Execute } from '../cli/execute.ts';
import { registerBenchCache } from './bench/cache.ts';
import { registerBenchCompare } from './bench/compare.ts';
import { registerBenchConcurrent } from './bench/concurrent.ts';
import { registerBenchHitRate } from './bench/hit-rate.ts';
import { registerBenchLatency } from './bench/latency.ts';
import { registerCacheClear } from './cache/clear.ts';
import { registerCacheStats } from './cache/stats.ts';
import { registerCleanAll } from './clean/all.ts';
import { registerCleanS3 } from './clean/s3.ts';
import { registerCleanTmp } from './clean/tmp.ts';
import { registerCleanUsers } from './clean/users.ts';
import { registerConfigShow } from './config/show.ts';
import { registerDbAddNote } from './db/add-note.ts';
import { registerDbCheck } from './db/check.ts';
import { registerDbCreate } from './db/create.ts';
import { registerDbDelete } from './db/delete.ts';
import { registerDbExec } from './db/exec.ts';
import { registerDbInfo } from './db/info.ts';
import { registerDbList } from './db/list.ts';
import { registerDbPull } from './db/pull.ts';
import { registerDbPush } from './db/push.ts';
import { registerDbQuery } from './db/query.ts';
import { registerDeploymentCreate } from './deployment/create.ts';
import { registerDeploymentDescribe } from './deployment/describe.ts';
import { registerReportSchema } from './report/schema.ts';
import { registerReportShow } from './report/show.ts';
import { registerUserAuthenticate } from './user/authenticate.ts';
import { registerUserCreate } from './user/create.ts';
import { registerUserDelete } from './user/delete.ts';
import { registerUserGet } from './user/get.ts';
import { registerUserImport } from './user/import.ts';
import { registerUserList } from './user/list.ts';
import { registerUserUpdate } from './user/update.ts';
import { registerVerifyAll } from './verify/all.ts';
import { registerVerifyDay2 } from './verify/day2.ts';
import { registerVerifyDay3 } from './verify/day3.ts';
import { registerVerifyDay4 } from './verify/day4.ts';
import { registerVerifyDay5 } from './verify/day5.ts';

type Register = (parent: Command, execute: Execute) => void;

// In help order. A command that is not named here does not exist.
const NOUNS: readonly {
  readonly name: string;
  readonly description: string;
  readonly verbs: readonly Register[];
  /** What all verbs of the noun take. */
  readonly each?: (command: Command) => void;
}[] = [
  {
    name: 'user',
    description: 'create, check, change and import accounts',
    verbs: [
      registerUserCreate,
      registerUserGet,
      registerUserList,
      registerUserAuthenticate,
      registerUserUpdate,
      registerUserDelete,
      registerUserImport,
    ],
  },
  {
    name: 'db',
    description: 'create, read, change and move user databases',
    verbs: [
      registerDbCreate,
      registerDbInfo,
      registerDbList,
      registerDbQuery,
      registerDbExec,
      registerDbAddNote,
      registerDbCheck,
      registerDbPull,
      registerDbPush,
      registerDbDelete,
    ],
  },
  {
    name: 'bench',
    description: 'measure the deployment',
    verbs: [
      registerBenchLatency,
      registerBenchCache,
      registerBenchHitRate,
      registerBenchConcurrent,
      registerBenchCompare,
    ],
    each: testDataOptions,
  },
  {
    name: 'verify',
    description: 'prove that the deployment works, day by day',
    verbs: [registerVerifyDay2, registerVerifyDay3, registerVerifyDay4, registerVerifyDay5, registerVerifyAll],
    each: testDataOptions,
  },
  {
    name: 'deployment',
    description: 'the bucket and the tables themselves',
    verbs: [registerDeploymentCreate, registerDeploymentDescribe],
  },
  {
    name: 'report',
    description: 'what bench and verify write with --report json=<file>',
    verbs: [registerReportShow, registerReportSchema],
  },
  { name: 'cache', description: 'the databases kept on this machine', verbs: [registerCacheStats, registerCacheClear] },
  {
    name: 'clean',
    description: 'remove test data and cached files, and nothing else unless told to',
    verbs: [registerCleanTmp, registerCleanS3, registerCleanUsers, registerCleanAll],
  },
  { name: 'config', description: 'where each setting comes from', verbs: [registerConfigShow] },
];

export function registerCommands(program: Command, execute: Execute): void {
  for (const { name, description, verbs, each } of NOUNS) {
    const noun = program.command(name).description(description);
    for (const register of verbs) register(noun, execute);
    if (each !== undefined) noun.commands.forEach(each);
  }
}

/** For commands that make test data. Whoever runs them reads `keep` from the invocation's run. */
function testDataOptions(command: Command): void {
  command.option('--keep', 'leave the test data where it is, and say what is kept');
}
