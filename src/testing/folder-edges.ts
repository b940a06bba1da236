const COMMANDS_USE =
  'anki backup bench cache cleanup cli config consistency databases deployment doctor exchange fleet function history lambda locks provisioning report shell sqlite store users verify';

/**
 * The folders of `src`, from what everything stands on to what nothing stands on, each with the folders above it in this
 * list that it may use and why. `core` is everybody's. Types count.
 */
export const FOLDERS: readonly (readonly [folder: string, uses: Readonly<Record<string, string>>])[] = [
  ['core', {}],
  ['config', {}],
  ['aws', { config: 'a client is made for the region, the profile and the endpoint that are configured' }],
  ['sqlite', {}],
  ['anki', { sqlite: 'a collection is read and written through the port of a database' }],
  ['exchange', { anki: 'a package holds a collection', sqlite: 'the collections of packages are files' }],
  [
    'store',
    {
      aws: 'the S3 store tells the errors of AWS apart',
      sqlite: 'the local store keeps its index in a SQLite file',
    },
  ],
  ['history', { aws: 'errors of AWS', store: 'versions of what it keeps', sqlite: 'rows of two versions' }],
  ['cache', { store: 'an entry is a version of a store' }],
  [
    'databases',
    {
      cache: 'a session opens what is cached',
      sqlite: 'a session is an open database',
      store: 'a commit is a conditional write',
    },
  ],
  [
    'shell',
    {
      anki: 'what of a collection the changes would lose',
      databases: 'works on the copy of a session, and commits it',
      sqlite: 'statements, and the names in a schema',
    },
  ],
  [
    'users',
    {
      aws: 'errors of DynamoDB',
      sqlite: 'the local table, and the databases that accounts are imported from',
      store: 'accounts list the ids of their writes, as databases do',
    },
  ],
  [
    'locks',
    {
      aws: 'errors of DynamoDB',
      databases: 'an update under a lease is an update',
      sqlite: 'the local table',
    },
  ],
  [
    'function',
    {
      anki: 'the caller makes the GUID of a note, so that a repeated call adds it once',
      aws: 'errors and clients of Lambda',
      config: 'where the function is',
    },
  ],
  [
    'cleanup',
    {
      cache: 'what a cache directory consists of',
      history: 'objects are removed version by version',
      users: 'accounts of tests',
    },
  ],
  [
    'probes',
    {
      aws: 'which answers are errors',
      cleanup: 'a probe removes its test data',
      history: 'the versions that it leaves',
      store: 'what is tried',
    },
  ],
  [
    'provisioning',
    {
      aws: 'tables and buckets are made by the clients of AWS',
      config: 'what they are called',
      history: 'a scratch bucket is emptied version by version',
      probes: 'the conditional writes of a bucket are tried',
      sqlite: 'the engine of the local deployment that is made',
      store: 'through a store',
    },
  ],
  [
    'deployment',
    {
      anki: 'a collection newer than this program is refused when it is opened',
      aws: 'clients',
      cache: 'composition',
      config: 'what is composed',
      databases: 'composition',
      function: 'composition',
      history: 'composition',
      locks: 'composition',
      probes: 'how a bucket deletes, and whether it was found unsafe',
      sqlite: 'composition',
      store: 'composition',
      users: 'composition',
    },
  ],
  [
    'backup',
    {
      anki: 'what comes, and what is read back, is checked by its rules',
      cache: 'work directories, which outlive no process',
      databases: 'what is fetched and stored',
      sqlite: 'files are opened, and what a run remembers is kept in one',
      store: 'lists, versions and content digests',
      users: 'accounts',
    },
  ],
  [
    'fleet',
    {
      anki: 'a migration must leave collections, which are checked by its rules',
      backup: 'files that are kept, examined, or remembered, and how long a store is waited for',
      cache: 'work directories, which outlive no process',
      databases: 'what is migrated, checked and brought back',
      history: 'the versions before, and keys that are no usernames',
      sqlite: 'scripts, locks, and what a run remembers',
      store: 'lists, and what became of a write',
      users: 'accounts without a database',
    },
  ],
  ['report', { deployment: 'a report describes the deployment and counts its requests' }],
  [
    'bench',
    {
      anki: 'what is measured opens collections and adds notes',
      cache: 'a cold request has a cache of its own',
      cleanup: 'test users are removed',
      config: 'a worker process is given the configuration',
      databases: 'what is measured',
      deployment: 'what is measured',
      function: 'what is measured with --via',
      locks: 'what is measured with --lease',
      report: 'the shape of what was measured',
      sqlite: 'the handle that a worker writes through',
    },
  ],
  [
    'consistency',
    {
      aws: 'its proxy passes requests on',
      bench: 'test users',
      config: 'a client process is given the configuration',
      databases: 'what is judged',
      deployment: 'what is judged',
      probes: 'what the engine itself answers',
      report: 'the shape of what is found',
      sqlite: 'the files of its clients',
      store: 'the port at which faults are made',
      users: 'the accounts that are judged',
    },
  ],
  [
    'lambda',
    {
      anki: 'adds notes',
      cleanup: 'keeps /tmp small',
      config: 'read from the environment of the function',
      databases: 'what it serves',
      deployment: 'what it serves',
      function: 'the protocol, as its client speaks it',
      sqlite: 'the engine of Node itself, and queries',
      store: 'its self-check looks for the ids of its writes',
      users: 'its self-check reads the table of accounts',
    },
  ],
  [
    'doctor',
    {
      aws: 'errors of AWS',
      backup: 'how old the last backup is',
      bench: 'test users',
      config: 'which function is asked',
      deployment: 'what is examined',
      function: 'its health',
      history: 'the lists that clean-up works by',
      probes: 'what an engine answers',
      provisioning: 'what should be there',
    },
  ],
  [
    'verify',
    {
      anki: 'makes collections',
      bench: 'measures',
      databases: 'what is verified',
      deployment: 'what is verified',
      function: 'what is verified',
      history: 'looks for what is left behind',
      report: 'the shape of a check',
      sqlite: 'queries',
      users: 'what is verified',
    },
  ],
  [
    'library',
    {
      anki: 'makes collections and adds notes',
      cache: 'a part of its own composition',
      config: 'the options are a configuration',
      databases: 'what it opens',
      deployment: 'opens it',
      sqlite: 'the handle that it hands out',
      store: 'the ports, as javumbo/store',
      users: 'the accounts',
    },
  ],
  ['packaging', { lambda: 'where the bundle of the function is' }],
  ['cli', {}],
  // What people call may use everything.
  ['commands', Object.fromEntries(COMMANDS_USE.split(' ').map((folder) => [folder, 'a command']))],
];
