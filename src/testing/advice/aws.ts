import type { InjectedFault } from '../s3-server/faults.ts';
import type { Advice } from './advice.ts';

let trouble: InjectedFault | undefined;

const CREATE = 'db create alice';

/** One reply of the store, or of the table, that refuses; afterwards it does what it is asked. */
const s3 =
  (
    status: number,
    code: string,
    operation?: 'GetObject' | 'PutObject' | 'ListObjectsV2',
  ): NonNullable<Advice['given']>[number] =>
  (_, { s3: server }) =>
    server.inject({ fault: 'refuse-before', status, code, ...(operation === undefined ? {} : { operation }) });
const dynamo =
  (operation: string, status: number, code: string, message?: string): NonNullable<Advice['given']>[number] =>
  (_, { dynamo: server }) =>
    server.inject({
      operation,
      fault: { kind: 'refuse', status, code, ...(message === undefined ? {} : { message }) },
    });

/** What needs a bucket and tables. The row's fault is the trouble, and that it happens once is its end. */
export const AWS_ADVICE: readonly Advice[] = [
  {
    situation: 'credentials that have expired',
    given: [CREATE, s3(400, 'ExpiredToken')],
    run: "db query alice 'SELECT 1'",
    try: 'fresh credentials: aws sso login, or export them again',
    helps: ["db query alice 'SELECT 1'"],
  },
  {
    situation: 'credentials of another account',
    given: [CREATE, s3(403, 'InvalidAccessKeyId')],
    run: "db query alice 'SELECT 1'",
    try: 'credentials of that account, in AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN or with --profile',
    helps: ["db query alice 'SELECT 1'"],
  },
  {
    situation: 'a secret key that is not that of the key',
    given: [CREATE, s3(403, 'SignatureDoesNotMatch')],
    run: "db query alice 'SELECT 1'",
    try: 'credentials whose AWS_SECRET_ACCESS_KEY belongs to their AWS_ACCESS_KEY_ID',
    helps: ["db query alice 'SELECT 1'"],
  },
  {
    situation: 'a bucket that is not there',
    given: [CREATE],
    run: 'db list --bucket none',
    try: /--bucket/,
    helps: ['db list'],
  },
  {
    situation: 'a table that is not there',
    run: 'user list --users-table none',
    try: "javumbo deployment create, or the table's name with --users-table",
    helps: ['user list'],
  },
  {
    situation: 'a name that no bucket can have',
    run: 'deployment create --bucket x',
    try: '--bucket with 3 to 63 lower-case letters, digits and hyphens',
    helps: ['deployment create --bucket xyz'],
  },
  {
    situation: 'a function of Lambda, and only the address of the store is known',
    run: 'function describe --function f',
    try: '--function local, or --lambda-endpoint-url http://127.0.0.1:9001',
    helps: ['function describe --function local'],
  },
  {
    situation: 'accounts of an engine of which only the store is known',
    run: 'user list',
    env: { AWS_ENDPOINT_URL_DYNAMODB: undefined },
    try: '--dynamodb-endpoint-url http://127.0.0.1:8000, or export AWS_ENDPOINT_URL_DYNAMODB',
    helps: ['user list --dynamodb-endpoint-url {dynamo}'],
  },
  {
    situation: 'a write that lost its race, and is not to be run again',
    given: [
      CREATE,
      (_, { s3: server }) => {
        const key = server.keys('b')[0] ?? '';
        const { body } = server.object('b', key) ?? { body: Buffer.alloc(0) };
        server.beforeWork = ({ operation }) => {
          if (operation !== 'PutObject') return;
          server.beforeWork = undefined;
          server.putObject('b', key, Buffer.concat([body.subarray(0, 60), Buffer.from([1]), body.subarray(61)]));
        };
      },
    ],
    run: `db exec alice 'UPDATE col SET mod = mod + 1' --retries 0`,
    try: 'the same command again',
    helps: [`db exec alice 'UPDATE col SET mod = mod + 1' --retries 0`],
  },
  {
    situation: 'a store that refuses every update',
    given: [
      CREATE,
      (_, { s3: server }) => {
        trouble = server.inject({
          operation: 'PutObject',
          fault: 'refuse-before',
          status: 412,
          code: 'PreconditionFailed',
          times: 1_000,
        });
      },
    ],
    run: `db exec alice 'UPDATE col SET mod = mod + 1'`,
    try: 'javumbo doctor',
    helps: ['! doctor', () => trouble?.remove(), `db exec alice 'UPDATE col SET mod = mod + 1'`],
  },
  {
    situation: 'two GETs of other bytes than those that were stored, and each of its own',
    given: [
      CREATE,
      (_, { s3: server }) => {
        for (const at of [5_000, 6_000]) server.inject({ operation: 'GetObject', fault: 'corrupt-body', at });
      },
    ],
    run: `db query alice 'SELECT count(*) FROM notes' --cache-dir {dir}/cold`,
    try: 'the same command again; something between this machine and the store changes bytes',
    helps: [`db query alice 'SELECT count(*) FROM notes' --cache-dir {dir}/cold`],
  },
  {
    situation: 'a store that was found to ignore conditions',
    given: [
      (_, { s3: server }) => {
        trouble = server.inject({ operation: 'PutObject', fault: 'ignore-conditions', times: 1_000 });
      },
      '! doctor',
    ],
    run: CREATE,
    try: 'javumbo doctor, once the store is fixed; --allow-unsafe-store writes anyway',
    helps: [`${CREATE} --allow-unsafe-store`, () => trouble?.remove(), '! doctor', 'db create bob'],
  },
  {
    situation: 'a table that turns requests away',
    given: [dynamo('Scan', 400, 'AccessDeniedException', 'not authorized')],
    run: 'user list',
    try: /./,
    helps: ['user list'],
  },
];
