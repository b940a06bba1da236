import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  asksProfile,
  type Config,
  type GlobalFlags,
  type ProfileSettings,
  resolveConfig,
  resolveProfile,
} from './config.ts';
import { milliseconds } from './duration.ts';
import { refuseUnnamedLambda } from './function.ts';
import type { TerraformOutputs } from './terraform.ts';

type Name = keyof Config;

const HOME = { HOME: '/home/anna' };

describe('flags go before the environment before Terraform before the profile before defaults', () => {
  interface Case {
    readonly setting: Name;
    readonly flags?: GlobalFlags;
    readonly env?: NodeJS.ProcessEnv;
    readonly profile?: ProfileSettings;
    readonly terraform?: TerraformOutputs;
    readonly is: unknown;
    readonly from: string;
  }
  // Each block is one setting: all sources are set at first, and the winner is removed line by line.
  const cases: Case[] = [
    {
      setting: 'deployment',
      flags: { deployment: 'local' },
      env: { S3_BUCKET: 'e' },
      is: 'local',
      from: 'flag --deployment',
    },
    { setting: 'deployment', flags: { deployment: 'aws', bucket: 'f' }, is: 'aws', from: 'flag --deployment' },
    { setting: 'deployment', flags: { bucket: 'f' }, env: { S3_BUCKET: 'e' }, is: 'aws', from: 'flag --bucket' },
    { setting: 'deployment', env: { S3_BUCKET: 'e' }, is: 'aws', from: 'environment S3_BUCKET' },
    { setting: 'deployment', terraform: { s3_bucket_name: 't' }, is: 'aws', from: 'terraform s3_bucket_name' },
    { setting: 'deployment', is: 'local', from: 'default' },

    { setting: 'bucket', flags: { bucket: 'f' }, env: { S3_BUCKET: 'e' }, is: 'f', from: 'flag --bucket' },
    {
      setting: 'bucket',
      env: { S3_BUCKET: 'e' },
      terraform: { s3_bucket_name: 't' },
      is: 'e',
      from: 'environment S3_BUCKET',
    },
    { setting: 'bucket', terraform: { s3_bucket_name: 't' }, is: 't', from: 'terraform s3_bucket_name' },
    { setting: 'bucket', is: undefined, from: 'default' },

    {
      setting: 'region',
      flags: { region: 'f' },
      env: { AWS_REGION: 'e', AWS_DEFAULT_REGION: 'd' },
      profile: { region: 'p' },
      is: 'f',
      from: 'flag --region',
    },
    {
      setting: 'region',
      env: { AWS_REGION: 'e', AWS_DEFAULT_REGION: 'd' },
      profile: { region: 'p' },
      is: 'e',
      from: 'environment AWS_REGION',
    },
    {
      setting: 'region',
      env: { AWS_REGION: '', AWS_DEFAULT_REGION: 'd' },
      terraform: { aws_region: 't' },
      profile: { region: 'p' },
      is: 'd',
      from: 'environment AWS_DEFAULT_REGION',
    },
    {
      setting: 'region',
      terraform: { aws_region: 't' },
      profile: { region: 'p' },
      is: 't',
      from: 'terraform aws_region',
    },
    { setting: 'region', profile: { region: 'p' }, is: 'p', from: 'profile region' },
    { setting: 'region', is: 'us-east-1', from: 'default' },

    { setting: 'profile', flags: { profile: 'f' }, env: { AWS_PROFILE: 'e' }, is: 'f', from: 'flag --profile' },
    { setting: 'profile', env: { AWS_PROFILE: 'e' }, is: 'e', from: 'environment AWS_PROFILE' },
    { setting: 'profile', env: { AWS_PROFILE: '' }, is: undefined, from: 'default' },

    {
      setting: 'endpointUrl',
      flags: { endpointUrl: 'http://f' },
      env: { AWS_ENDPOINT_URL_S3: 'http://s', AWS_ENDPOINT_URL: 'http://e' },
      profile: { s3EndpointUrl: 'http://p' },
      is: 'http://f',
      from: 'flag --endpoint-url',
    },
    {
      setting: 'endpointUrl',
      env: { AWS_ENDPOINT_URL_S3: 'http://s', AWS_ENDPOINT_URL: 'http://e' },
      profile: { s3EndpointUrl: 'http://p' },
      is: 'http://s',
      from: 'environment AWS_ENDPOINT_URL_S3',
    },
    {
      setting: 'endpointUrl',
      env: { AWS_ENDPOINT_URL: 'http://e' },
      profile: { s3EndpointUrl: 'http://p' },
      is: 'http://e',
      from: 'environment AWS_ENDPOINT_URL',
    },
    { setting: 'endpointUrl', profile: { s3EndpointUrl: 'http://p' }, is: 'http://p', from: 'profile endpoint_url' },
    { setting: 'endpointUrl', is: undefined, from: 'default' },
    {
      setting: 'endpointUrl',
      flags: { endpointUrl: 'https://h:7480/path//' },
      is: 'https://h:7480/path',
      from: 'flag --endpoint-url',
    },

    {
      setting: 'dynamodbEndpointUrl',
      flags: { dynamodbEndpointUrl: 'http://f/', endpointUrl: 'http://s' },
      env: { AWS_ENDPOINT_URL_DYNAMODB: 'http://d' },
      is: 'http://f',
      from: 'flag --dynamodb-endpoint-url',
    },
    {
      setting: 'dynamodbEndpointUrl',
      env: { AWS_ENDPOINT_URL_DYNAMODB: 'http://d', AWS_ENDPOINT_URL: 'http://e' },
      is: 'http://d',
      from: 'environment AWS_ENDPOINT_URL_DYNAMODB',
    },
    {
      setting: 'dynamodbEndpointUrl',
      env: { AWS_ENDPOINT_URL: 'http://e' },
      profile: { dynamodbEndpointUrl: 'http://p' },
      is: 'http://e',
      from: 'environment AWS_ENDPOINT_URL',
    },
    {
      setting: 'dynamodbEndpointUrl',
      profile: { dynamodbEndpointUrl: 'http://p' },
      is: 'http://p',
      from: 'profile endpoint_url',
    },
    {
      setting: 'dynamodbEndpointUrl',
      flags: { endpointUrl: 'http://s' },
      env: { AWS_ENDPOINT_URL_S3: 'http://s' },
      is: undefined,
      from: 'default',
    },

    {
      setting: 'lambdaEndpointUrl',
      flags: { lambdaEndpointUrl: 'http://f/', endpointUrl: 'http://s' },
      env: { AWS_ENDPOINT_URL_LAMBDA: 'http://l' },
      is: 'http://f',
      from: 'flag --lambda-endpoint-url',
    },
    {
      setting: 'lambdaEndpointUrl',
      env: { AWS_ENDPOINT_URL_LAMBDA: 'http://l', AWS_ENDPOINT_URL: 'http://e' },
      is: 'http://l',
      from: 'environment AWS_ENDPOINT_URL_LAMBDA',
    },
    {
      setting: 'lambdaEndpointUrl',
      env: { AWS_ENDPOINT_URL: 'http://e' },
      profile: { lambdaEndpointUrl: 'http://p' },
      is: 'http://e',
      from: 'environment AWS_ENDPOINT_URL',
    },
    {
      setting: 'lambdaEndpointUrl',
      profile: { lambdaEndpointUrl: 'http://p' },
      is: 'http://p',
      from: 'profile endpoint_url',
    },
    { setting: 'lambdaEndpointUrl', flags: { endpointUrl: 'http://s' }, is: undefined, from: 'default' },

    {
      setting: 'usersTable',
      flags: { usersTable: 'flag' },
      env: { DYNAMODB_USERS_TABLE: 'environment' },
      is: 'flag',
      from: 'flag --users-table',
    },
    {
      setting: 'usersTable',
      env: { DYNAMODB_USERS_TABLE: 'environment' },
      terraform: { dynamodb_users_table_name: 'terraform' },
      is: 'environment',
      from: 'environment DYNAMODB_USERS_TABLE',
    },
    {
      setting: 'usersTable',
      terraform: { dynamodb_users_table_name: 'terraform' },
      is: 'terraform',
      from: 'terraform dynamodb_users_table_name',
    },
    { setting: 'usersTable', env: { DYNAMODB_USERS_TABLE: '' }, is: 'javumbo-users', from: 'default' },
    {
      setting: 'locksTable',
      flags: { locksTable: 'flag' },
      env: { DYNAMODB_LOCKS_TABLE: 'environment' },
      is: 'flag',
      from: 'flag --locks-table',
    },
    {
      setting: 'locksTable',
      env: { DYNAMODB_LOCKS_TABLE: 'environment' },
      terraform: { dynamodb_locks_table_name: 'terraform' },
      is: 'environment',
      from: 'environment DYNAMODB_LOCKS_TABLE',
    },
    {
      setting: 'locksTable',
      terraform: { dynamodb_locks_table_name: 'terraform' },
      is: 'terraform',
      from: 'terraform dynamodb_locks_table_name',
    },
    { setting: 'locksTable', is: 'javumbo-user-locks', from: 'default' },

    {
      setting: 'function',
      flags: { function: 'f', bucket: 'b' },
      env: { JAVUMBO_FUNCTION: 'e' },
      is: 'f',
      from: 'flag --function',
    },
    {
      setting: 'function',
      flags: { bucket: 'b' },
      env: { JAVUMBO_FUNCTION: 'e' },
      terraform: { lambda_function_name: 't' },
      is: 'e',
      from: 'environment JAVUMBO_FUNCTION',
    },
    {
      setting: 'function',
      env: { JAVUMBO_FUNCTION: '' },
      terraform: { s3_bucket_name: 'b', lambda_function_name: 't' },
      is: 't',
      from: 'terraform lambda_function_name',
    },
    { setting: 'function', flags: { bucket: 'b' }, is: 'javumbo-api', from: 'default' },
    {
      setting: 'function',
      flags: { bucket: 'b', function: 'local' },
      is: 'local',
      from: 'flag --function',
    },
    { setting: 'function', is: 'local', from: 'default' },
    // Like the environment's tables, these belong to the deployment on AWS.
    { setting: 'function', env: { JAVUMBO_FUNCTION: 'e' }, is: 'local', from: 'default' },
    { setting: 'function', flags: { bucket: 'b', endpointUrl: 'http://s' }, is: 'local', from: 'default' },
    {
      setting: 'function',
      flags: { bucket: 'b', endpointUrl: 'http://s', lambdaEndpointUrl: 'http://l' },
      is: 'javumbo-api',
      from: 'default',
    },
    {
      setting: 'function',
      flags: { bucket: 'b' },
      env: { AWS_ENDPOINT_URL: 'http://e' },
      is: 'javumbo-api',
      from: 'default',
    },

    {
      setting: 'apiUrl',
      flags: { apiUrl: 'https://f/', bucket: 'b' },
      env: { JAVUMBO_API_URL: 'https://e' },
      is: 'https://f',
      from: 'flag --api-url',
    },
    {
      setting: 'apiUrl',
      flags: { bucket: 'b' },
      env: { JAVUMBO_API_URL: 'https://e' },
      terraform: { api_gateway_url: 'https://t' },
      is: 'https://e',
      from: 'environment JAVUMBO_API_URL',
    },
    {
      setting: 'apiUrl',
      terraform: { api_gateway_url: 'https://t/' },
      is: 'https://t',
      from: 'terraform api_gateway_url',
    },
    { setting: 'apiUrl', env: { JAVUMBO_API_URL: 'https://e' }, is: undefined, from: 'default' },

    { setting: 'terraform', flags: { terraform: 'infra' }, is: resolve('infra'), from: 'flag --terraform' },
    { setting: 'terraform', is: undefined, from: 'default' },

    {
      setting: 'home',
      env: { JAVUMBO_HOME: '/j', XDG_DATA_HOME: '/x', ...HOME },
      is: '/j',
      from: 'environment JAVUMBO_HOME',
    },
    { setting: 'home', env: { JAVUMBO_HOME: 'relative' }, is: resolve('relative'), from: 'environment JAVUMBO_HOME' },
    { setting: 'home', env: { JAVUMBO_HOME: '', XDG_DATA_HOME: '/x', ...HOME }, is: '/x/javumbo', from: 'default' },
    { setting: 'home', env: HOME, is: '/home/anna/.local/share/javumbo', from: 'default' },

    {
      setting: 'cacheDir',
      flags: { cacheDir: '/f' },
      env: { JAVUMBO_CACHE_DIR: '/e' },
      is: '/f',
      from: 'flag --cache-dir',
    },
    { setting: 'cacheDir', env: { JAVUMBO_CACHE_DIR: '/e' }, is: '/e', from: 'environment JAVUMBO_CACHE_DIR' },
    { setting: 'cacheDir', is: join(tmpdir(), `javumbo-${process.getuid?.() ?? 'cache'}`), from: 'default' },

    {
      setting: 'allowUnsafeStore',
      flags: { allowUnsafeStore: true },
      is: true,
      from: 'flag --allow-unsafe-store',
    },
    { setting: 'allowUnsafeStore', is: false, from: 'default' },

    { setting: 'cacheTtl', flags: { cacheTtl: '0' }, env: { DB_CACHE_TTL: '60' }, is: 0, from: 'flag --cache-ttl' },
    { setting: 'cacheTtl', env: { DB_CACHE_TTL: '0.5' }, is: 0.5, from: 'environment DB_CACHE_TTL' },
    { setting: 'cacheTtl', env: { DB_CACHE_TTL: '' }, is: undefined, from: 'default' },

    { setting: 'rtt', flags: { rtt: '171ms' }, is: 171, from: 'flag --rtt' },
    { setting: 'rtt', is: undefined, from: 'default' },
    { setting: 'timeout', flags: { timeout: '2s' }, is: 2000, from: 'flag --timeout' },
    { setting: 'timeout', is: 15_000, from: 'default' },
  ];
  test.each(cases)('$setting is $is by $from', ({ setting, flags = {}, env = {}, profile, terraform, is, from }) => {
    const { value, source, name } = resolveConfig(flags, env, profile, terraform)[setting];
    expect(value).toBe(is);
    expect(name === undefined ? source : `${source} ${name}`).toBe(from);
  });

  test('every setting is in the table', () => {
    const named = new Set<string>(cases.map(({ setting }) => setting));
    expect([...named].sort()).toEqual(Object.keys(resolveConfig({}, {})).sort());
  });

  test('the profile is decided without the rest', () => {
    expect(resolveProfile({}, { AWS_PROFILE: 'e', S3_BUCKET: '' }).value).toBe('e');
  });

  test.each<{
    name: string;
    flags: GlobalFlags;
    env?: NodeJS.ProcessEnv;
    terraform?: TerraformOutputs;
    asks: boolean;
  }>([
    { name: 'no bucket', flags: {}, asks: false },
    { name: 'a bucket of Terraform', flags: {}, terraform: { s3_bucket_name: 'b' }, asks: true },
    { name: 'a bucket', flags: { bucket: 'b' }, asks: true },
    {
      name: '--deployment local beside S3_BUCKET',
      flags: { deployment: 'local' },
      env: { S3_BUCKET: 'b' },
      asks: false,
    },
  ])('with $name a profile is asked: $asks', ({ flags, env = {}, terraform, asks }) => {
    expect(asksProfile(flags, env, terraform)).toBe(asks);
  });
});

describe('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', () => {
  const env = { AWS_ENDPOINT_URL_S3: 'http://s', AWS_ENDPOINT_URL: 'http://e' };
  const profile = { s3EndpointUrl: 'http://p' };
  test.each<{ name: string; flags: GlobalFlags; ignore: string; is: string | undefined }>([
    { name: 'takes away environment and profile', flags: {}, ignore: 'true', is: undefined },
    { name: 'leaves the flag', flags: { endpointUrl: 'http://f' }, ignore: 'true', is: 'http://f' },
    { name: 'does nothing when it is false', flags: {}, ignore: 'false', is: 'http://s' },
  ])('$name', ({ flags, ignore, is }) => {
    const config = resolveConfig(flags, { ...env, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: ignore }, profile);
    expect(config.endpointUrl.value).toBe(is);
  });
});

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
    { name: '--rtt that is empty', flags: { rtt: '' }, message: /^--rtt is not a duration/ },
    { name: '--cache-ttl with a unit', flags: { cacheTtl: '5m' }, message: /^--cache-ttl is not a duration: "5m"$/ },
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

describe('a duration', () => {
  test.each<[string, number | undefined]>([
    ['171ms', 171],
    ['171', 171],
    ['0.5s', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['0', 0],
    [' 5ms ', 5],
    ['5 ms', undefined],
    ['1e3', undefined],
    ['ms', undefined],
    ['1.ms', undefined],
    ['1d', undefined],
  ])('%j is %s ms', (text, is) => {
    expect(milliseconds(text)).toBe(is);
  });
});
