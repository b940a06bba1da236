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
import type { TerraformOutputs } from './terraform.ts';

type Name = Exclude<keyof Config, 'faultProxy'>;

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
      setting: 'sqliteEngine',
      env: { JAVUMBO_SQLITE_ENGINE: 'node:sqlite' },
      is: 'node:sqlite',
      from: 'environment JAVUMBO_SQLITE_ENGINE',
    },
    { setting: 'sqliteEngine', env: { JAVUMBO_SQLITE_ENGINE: '' }, is: undefined, from: 'default' },

    {
      setting: 'allowUnsafeStore',
      flags: { allowUnsafeStore: true },
      is: true,
      from: 'flag --allow-unsafe-store',
    },
    { setting: 'allowUnsafeStore', is: false, from: 'default' },

    { setting: 'cacheTtl', flags: { cacheTtl: '0' }, env: { DB_CACHE_TTL: '60' }, is: 0, from: 'flag --cache-ttl' },
    {
      setting: 'historyMax',
      env: { JAVUMBO_HISTORY_MAX: '500MB' },
      is: 500_000_000,
      from: 'environment JAVUMBO_HISTORY_MAX',
    },
    { setting: 'historyMax', env: {}, is: 1_000_000_000, from: 'default' },
    { setting: 'cacheTtl', env: { DB_CACHE_TTL: '0.5' }, is: 0.5, from: 'environment DB_CACHE_TTL' },
    { setting: 'cacheTtl', env: { DB_CACHE_TTL: '' }, is: undefined, from: 'default' },

    {
      setting: 'httpProxy',
      flags: { bucket: 'b' },
      env: { http_proxy: 'http://p', HTTP_PROXY: 'http://q' },
      is: 'http://p',
      from: 'environment http_proxy',
    },
    { setting: 'httpProxy', env: { HTTP_PROXY: 'socks5://q' }, is: undefined, from: 'default' },
    {
      setting: 'httpProxy',
      flags: { bucket: 'b' },
      env: { HTTP_PROXY: 'http://q', REQUEST_METHOD: 'GET' },
      is: undefined,
      from: 'default',
    },
    {
      setting: 'httpsProxy',
      flags: { bucket: 'b' },
      env: { HTTPS_PROXY: 'p:3128' },
      is: 'http://p:3128',
      from: 'environment HTTPS_PROXY',
    },
    { setting: 'noProxy', flags: { bucket: 'b' }, env: { NO_PROXY: '*' }, is: '*', from: 'environment NO_PROXY' },

    // Chosen above it: src/config/contexts.test.ts.
    { setting: 'context', is: undefined, from: 'default' },
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
