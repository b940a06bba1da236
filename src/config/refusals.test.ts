import { describe, expect, test } from 'vitest';
import { type Config, type GlobalFlags, type ProfileSettings, resolveConfig } from './config.ts';
import { refuseUnnamedLambda } from './function.ts';
import type { TerraformOutputs } from './terraform.ts';

describe('what contradicts itself or makes no sense is usage', () => {
  test.each<{
    name: string;
    flags?: GlobalFlags;
    env?: NodeJS.ProcessEnv;
    profile?: ProfileSettings;
    terraform?: TerraformOutputs;
    message: RegExp;
  }>([
    { name: 'S3_BUCKET that is empty', env: { S3_BUCKET: '' }, message: /^S3_BUCKET is set but empty$/ },
    {
      name: '--bucket that is empty',
      flags: { bucket: '' },
      env: { S3_BUCKET: 'e' },
      message: /^--bucket is set but empty$/,
    },
    {
      name: 'a bucket that is a path',
      flags: { bucket: 'a/b' },
      message: /^--bucket is not the name of a bucket: "a\/b"$/,
    },
    { name: 'a bucket that leads upwards', env: { S3_BUCKET: '..' }, message: /^S3_BUCKET is not the name/ },
    { name: 'a bucket with a blank', flags: { bucket: 'a b' }, message: /is not the name of a bucket/ },
    { name: '--users-table that is empty', flags: { usersTable: '' }, message: /^--users-table is not the name/ },
    {
      name: 'a table that no table can be called',
      env: { DYNAMODB_LOCKS_TABLE: 'a b' },
      message: /^DYNAMODB_LOCKS_TABLE is not the name of a table: "a b"$/,
    },
    {
      name: "DynamoDB's endpoint without a scheme",
      flags: { dynamodbEndpointUrl: 'h:8000' },
      message: /^--dynamodb-endpoint-url is not an http or https address: "h:8000"$/,
    },
    { name: '--terraform that is empty', flags: { terraform: '' }, message: /^--terraform is empty$/ },
    {
      name: '--deployment local with --terraform',
      flags: { deployment: 'local', terraform: 'infra' },
      message: /^--deployment local is not made by Terraform, and --terraform names one that is$/,
    },
    {
      name: 'an engine for SQLite that there is not',
      env: { JAVUMBO_SQLITE_ENGINE: 'sqlite3' },
      message: /^JAVUMBO_SQLITE_ENGINE is not an engine for SQLite: "sqlite3"$/,
    },
    { name: '--function that is empty', flags: { function: '' }, message: /^--function is not the name of a function/ },
    {
      name: 'a function with a blank',
      flags: { bucket: 'b' },
      env: { JAVUMBO_FUNCTION: 'a b' },
      message: /^JAVUMBO_FUNCTION is not the name of a function: "a b"$/,
    },
    {
      name: 'an API that is no address',
      flags: { apiUrl: 'abc123' },
      message: /^--api-url is not an http or https address: "abc123"$/,
    },
    {
      name: "Lambda's endpoint without a scheme",
      flags: { lambdaEndpointUrl: 'h:9001' },
      message: /^--lambda-endpoint-url is not an http or https address: "h:9001"$/,
    },
    {
      name: "a bucket of Terraform's that is none",
      terraform: { s3_bucket_name: 'a/b' },
      message: /^s3_bucket_name is not the name of a bucket: "a\/b"$/,
    },
    { name: '--region that is empty', flags: { region: '' }, message: /^--region is empty$/ },
    { name: '--profile that is empty', flags: { profile: '' }, message: /^--profile is empty$/ },
    { name: '--cache-dir that is empty', flags: { cacheDir: '' }, message: /^--cache-dir is empty$/ },
    {
      name: '--deployment aws without a bucket',
      flags: { deployment: 'aws' },
      message: /^--deployment aws needs a bucket$/,
    },
    {
      name: '--deployment local with --bucket',
      flags: { deployment: 'local', bucket: 'f' },
      message: /^--deployment local has no bucket, and --bucket names one$/,
    },
    {
      name: 'another deployment',
      flags: { deployment: 'gcp' },
      message: /^--deployment is local or aws, not "gcp"$/,
    },
    {
      name: '--rtt on AWS itself',
      flags: { rtt: '5ms' },
      env: { S3_BUCKET: 'e' },
      message: /^--rtt simulates a network/,
    },
    {
      name: '--rtt that is no duration',
      flags: { rtt: '5 parsecs' },
      message: /^--rtt is not a duration: "5 parsecs"$/,
    },
    { name: '--rtt that is negative', flags: { rtt: '-5ms' }, message: /^--rtt is not a duration/ },
    {
      name: '--rtt that is longer than any timer',
      flags: { rtt: '99999d' },
      message: /^--rtt 99999d is more than a minute/,
    },
    { name: '--rtt of more than a minute', flags: { rtt: '60.1s' }, message: /^--rtt 60.1s is more than a minute/ },
    { name: '--rtt that is empty', flags: { rtt: '' }, message: /^--rtt is not a duration/ },
    {
      name: 'a history of a bare number, which may be bytes or megabytes',
      env: { JAVUMBO_HISTORY_MAX: '500' },
      message: /^JAVUMBO_HISTORY_MAX 500 has no unit$/,
    },
    { name: '--rtt without a unit', flags: { rtt: '20' }, message: /^--rtt 20 has no unit$/ },
    { name: '--timeout without a unit', flags: { timeout: '20' }, message: /^--timeout 20 has no unit$/ },
    {
      name: '--cache-ttl that is Infinity',
      flags: { cacheTtl: 'Infinity' },
      message: /^--cache-ttl is not a duration/,
    },
    {
      name: 'DB_CACHE_TTL that is a word',
      env: { DB_CACHE_TTL: 'never' },
      message: /^DB_CACHE_TTL is not a duration: "never"$/,
    },
    {
      name: 'an endpoint without a scheme',
      flags: { endpointUrl: '127.0.0.1:7480' },
      message: /^--endpoint-url is not an http or https address: "127.0.0.1:7480"$/,
    },
    {
      name: 'an endpoint of another scheme',
      env: { AWS_ENDPOINT_URL_S3: 'ftp://h' },
      message: /^AWS_ENDPOINT_URL_S3 is not/,
    },
    { name: 'an endpoint without a host', env: { AWS_ENDPOINT_URL: 'http://' }, message: /^AWS_ENDPOINT_URL is not/ },
    {
      name: 'an endpoint with a port beyond 65535',
      flags: { endpointUrl: 'http://h:99999' },
      message: /^--endpoint-url is not/,
    },
    { name: 'an endpoint with a blank', flags: { endpointUrl: 'http://a b' }, message: /^--endpoint-url is not/ },
    { name: 'an endpoint with a query', flags: { endpointUrl: 'http://h?x=1' }, message: /^--endpoint-url is not/ },
    {
      name: 'an endpoint of the profile without a scheme',
      profile: { s3EndpointUrl: 'h' },
      message: /^endpoint_url is not/,
    },
  ])('$name', ({ flags = {}, env = {}, profile, terraform, message }) => {
    const resolving = (): Config => resolveConfig(flags, env, profile, terraform);
    expect(resolving).toThrow(message);
    expect(resolving).toThrow(expect.objectContaining({ kind: 'usage', try: expect.any(String) }));
  });

  test.each<{ name: string; flags: GlobalFlags; env?: NodeJS.ProcessEnv; profile?: ProfileSettings }>([
    { name: '--deployment local beside S3_BUCKET', flags: { deployment: 'local' }, env: { S3_BUCKET: 'e' } },
    { name: '--rtt on an endpoint of one’s own', flags: { bucket: 'f', endpointUrl: 'http://h', rtt: '5ms' } },
    {
      name: '--rtt on an endpoint of the profile',
      flags: { bucket: 'f', rtt: '5ms' },
      profile: { s3EndpointUrl: 'http://h' },
    },
    { name: '--rtt on the local deployment', flags: { rtt: '5ms' } },
    { name: '--rtt of a minute', flags: { rtt: '1m' } },
    { name: 'the ARN of an access point', flags: { bucket: 'arn:aws:s3:eu-west-1:123456789012:accesspoint/a' } },
    { name: 'a bucket as old or foreign engines name it', flags: { bucket: 'My_Bucket.1' } },
  ])('but not $name', ({ flags, env = {}, profile }) => {
    expect(() => resolveConfig(flags, env, profile)).not.toThrow();
  });
});

describe('a command that needs the function', () => {
  const onEngine = { bucket: 'b', endpointUrl: 'http://s' };
  test.each<{ name: string; flags: GlobalFlags; env?: NodeJS.ProcessEnv; message?: RegExp }>([
    { name: 'takes the local one of the local deployment', flags: {} },
    { name: 'takes the local one beside an engine', flags: { ...onEngine, function: 'local' } },
    { name: 'takes the one of AWS', flags: { bucket: 'b', function: 'javumbo-api:live' } },
    {
      name: 'takes one by its ARN',
      flags: { bucket: 'b', function: 'arn:aws:lambda:us-east-1:123456789012:function:javumbo-api' },
    },
    { name: 'takes the one of another engine', flags: { ...onEngine, lambdaEndpointUrl: 'http://l', function: 'f' } },
    {
      name: 'refuses one of Lambda on the local deployment',
      flags: { deployment: 'local', function: 'f' },
      message: /^--function is "f", and the local deployment has no Lambda$/,
    },
    {
      name: 'refuses one of Lambda where an engine has none',
      flags: { ...onEngine, function: 'f' },
      message: /^--function is "f", and S3 is at http:\/\/s, and nothing says where Lambda is$/,
    },
    {
      name: 'refuses one of the environment where an engine has none',
      flags: onEngine,
      env: { JAVUMBO_FUNCTION: 'f' },
      message: /^JAVUMBO_FUNCTION is "f", and S3 is at/,
    },
  ])('$name', ({ flags, env = {}, message }) => {
    const refusing = (): void => refuseUnnamedLambda(resolveConfig(flags, env));
    if (message === undefined) return expect(refusing).not.toThrow();
    expect(refusing).toThrow(message);
    expect(refusing).toThrow(expect.objectContaining({ kind: 'usage', try: expect.any(String) }));
  });
});
