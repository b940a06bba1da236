/** Every property of Day 1, read from the HCL; and each of them is missed when it is changed. */
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../src/testing/run-command.ts';

// biome-ignore lint/suspicious/noExplicitAny: a parsed document, which the test is there to judge
type Block = Record<string, any>;

// HashiCorp's own parser and formatter, as WebAssembly. Required: their types bring those of a browser into every file.
const require = createRequire(import.meta.url);
const { parse }: { parse(name: string, text: string): Promise<Block> } = require('@cdktn/hcl2json');
const { format }: { format(text: string): Promise<string> } = require('@cdktn/hcl-tools');

/** A configuration as Terraform sees it: the blocks of all files, the text of all files. */
interface Configuration {
  readonly blocks: Block;
  readonly gitignore: string;
}

const HERE = new URL('.', import.meta.url);
const FILES: ReadonlyMap<string, string> = new Map(
  readdirSync(HERE)
    .filter((name) => name.endsWith('.tf') || name === '.gitignore')
    .map((name) => [name, readFileSync(new URL(name, HERE), 'utf8')] as const),
);

async function read(files: ReadonlyMap<string, string>): Promise<Configuration> {
  const blocks: Block = {};
  for (const [name, text] of files) if (name.endsWith('.tf')) merge(blocks, await parse(name, text));
  return { blocks, gitignore: files.get('.gitignore') ?? '' };
}

/** Into one tree: blocks of one kind stand in several files, each of them a list. */
function merge(into: Block, from: Block): void {
  for (const [key, value] of Object.entries(from)) {
    if (Array.isArray(value)) into[key] = [...(into[key] ?? []), ...value];
    else {
      into[key] ??= {};
      merge(into[key], value);
    }
  }
}

/** A value with the defaults of its variables in their places, and its locals. */
function resolved(configuration: Configuration, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => resolved(configuration, each));
  if (typeof value !== 'string') return value;
  const [, only] = /^\$\{var\.(\w+)\}$/.exec(value) ?? [];
  if (only !== undefined) return configuration.blocks.variable[only]?.[0].default;
  return value
    .replace(/\$\{local\.(\w+)\}/g, (_, name: string) => String(locals(configuration)[name]))
    .replace(/\$\{var\.(\w+)\}/g, (_, name: string) => String(configuration.blocks.variable[name]?.[0].default));
}

const locals = ({ blocks }: Configuration): Block => Object.assign({}, ...blocks.locals);

interface Property {
  readonly name: string;
  readonly read: (configuration: Configuration) => unknown;
  readonly is: unknown;
}

/** Properties of one block, each an attribute (`rule.0.status`) that must have this value. */
function attributes(what: string, path: string, expected: Readonly<Record<string, unknown>>): Property[] {
  return Object.entries(expected).map(([attribute, is]) => ({
    name: `${what}: ${attribute}`,
    read: (configuration) => resolved(configuration, at(at(configuration.blocks, path)?.[0], attribute)),
    is,
  }));
}

function at(value: Block | undefined, path: string): Block | undefined {
  return path.split('.').reduce<Block | undefined>((inner, key) => inner?.[key], value);
}

const BUCKET = '${aws_s3_bucket.user_databases.id}';
const BUCKET_ARN = '${aws_s3_bucket.user_databases.arn}';
const API = '${aws_apigatewayv2_api.api.id}';
const TABLE_ARNS = ['${aws_dynamodb_table.users.arn}', '${aws_dynamodb_table.locks.arn}'];
const OBJECTS = [`${BUCKET_ARN}/user_dbs/*`, `${BUCKET_ARN}/test/*`];
const TARGET = 'integrations/${aws_apigatewayv2_integration.lambda.id}';

/** What the environment of the function is made of: name and expression. */
function functionVariables({ blocks }: Configuration): Record<string, string> {
  const text: string = blocks.resource.aws_lambda_function.api[0].environment[0].variables;
  return Object.fromEntries(
    [...text.matchAll(/([A-Z][A-Z0-9_]+)\s+= ([^\n}]+?)\s*[\n}]/g)].map(([, key, value]) => [key, value]),
  );
}

const PROPERTIES: readonly Property[] = [
  ...attributes('the provider', 'provider.aws', {
    region: 'us-east-1',
    'default_tags.0.tags': { Project: 'javumbo', Environment: '${var.environment}', ManagedBy: 'Terraform' },
  }),
  {
    name: 'no tag has parentheses, which DynamoDB refuses',
    read: ({ blocks }) =>
      JSON.stringify([blocks.provider, blocks.resource.aws_dynamodb_table]).match(/"[^"]*[()][^"]*"/g),
    is: null,
  },
  {
    name: 'the resources are these',
    read: ({ blocks }) =>
      Object.entries<Block>(blocks.resource)
        .flatMap(([type, named]) => Object.keys(named).map((name) => `${type}.${name}`))
        .sort(),
    is: [
      'aws_apigatewayv2_api.api',
      'aws_apigatewayv2_integration.lambda',
      'aws_apigatewayv2_route.proxy',
      'aws_apigatewayv2_route.root',
      'aws_apigatewayv2_stage.default',
      'aws_cloudwatch_log_group.api_gateway',
      'aws_cloudwatch_log_group.lambda',
      'aws_dynamodb_table.locks',
      'aws_dynamodb_table.users',
      'aws_iam_role.lambda',
      'aws_iam_role_policy.lambda',
      'aws_lambda_function.api',
      'aws_lambda_permission.api_gateway',
      'aws_s3_bucket.user_databases',
      'aws_s3_bucket_lifecycle_configuration.user_databases',
      'aws_s3_bucket_policy.conditional_writes',
      'aws_s3_bucket_public_access_block.user_databases',
      'aws_s3_bucket_server_side_encryption_configuration.user_databases',
      'aws_s3_bucket_versioning.user_databases',
    ],
  },

  ...attributes('the bucket', 'resource.aws_s3_bucket.user_databases', {
    bucket:
      '${var.s3_bucket_name != "" ? var.s3_bucket_name : "javumbo-user-dbs-${data.aws_caller_identity.current.account_id}"}',
    // A bucket with user databases in it is not destroyed.
    force_destroy: undefined,
  }),
  ...attributes('the bucket’s name', 'variable.s3_bucket_name', { default: '' }),
  ...attributes('versioning', 'resource.aws_s3_bucket_versioning.user_databases', {
    bucket: BUCKET,
    'versioning_configuration.0.status': 'Enabled',
  }),
  ...attributes('encryption', 'resource.aws_s3_bucket_server_side_encryption_configuration.user_databases', {
    bucket: BUCKET,
    'rule.0.apply_server_side_encryption_by_default.0.sse_algorithm': 'AES256',
  }),
  ...attributes('public access', 'resource.aws_s3_bucket_public_access_block.user_databases', {
    bucket: BUCKET,
    block_public_acls: true,
    block_public_policy: true,
    ignore_public_acls: true,
    restrict_public_buckets: true,
  }),
  ...attributes('the lifecycle', 'resource.aws_s3_bucket_lifecycle_configuration.user_databases', {
    bucket: BUCKET,
    'rule.length': 1,
    'rule.0.status': 'Enabled',
    // Of every object.
    'rule.0.filter': [{}],
    'rule.0.noncurrent_version_expiration.0.noncurrent_days': 30,
    'rule.0.abort_incomplete_multipart_upload.0.days_after_initiation': 30,
    depends_on: ['${aws_s3_bucket_versioning.user_databases}'],
  }),
  ...attributes('conditional writes', 'resource.aws_s3_bucket_policy.conditional_writes', {
    bucket: BUCKET,
    count: '${var.require_conditional_writes ? 1 : 0}',
    policy: '${data.aws_iam_policy_document.conditional_writes.json}',
    depends_on: ['${aws_s3_bucket_public_access_block.user_databases}'],
  }),
  ...attributes('conditional writes by default', 'variable.require_conditional_writes', { default: false }),
  ...attributes('what conditional writes refuse', 'data.aws_iam_policy_document.conditional_writes', {
    statement: [
      {
        sid: 'DenyUnconditionalWrites',
        effect: 'Deny',
        actions: ['s3:PutObject'],
        resources: [`${BUCKET_ARN}/user_dbs/*`],
        principals: [{ type: '*', identifiers: ['*'] }],
        condition: [
          { test: 'Null', variable: 's3:if-match', values: ['true'] },
          { test: 'Null', variable: 's3:if-none-match', values: ['true'] },
          { test: 'Bool', variable: 's3:ObjectCreationOperation', values: ['true'] },
        ],
      },
    ],
  }),

  ...attributes('the users table', 'resource.aws_dynamodb_table.users', {
    name: 'javumbo-users',
    billing_mode: 'PAY_PER_REQUEST',
    hash_key: 'username',
    range_key: undefined,
    attribute: [{ name: 'username', type: 'S' }],
    server_side_encryption: [{ enabled: true }],
    point_in_time_recovery: [{ enabled: true }],
    deletion_protection_enabled: true,
  }),
  ...attributes('the locks table', 'resource.aws_dynamodb_table.locks', {
    name: 'javumbo-user-locks',
    billing_mode: 'PAY_PER_REQUEST',
    hash_key: 'username',
    range_key: undefined,
    attribute: [{ name: 'username', type: 'S' }],
    ttl: [{ attribute_name: 'ttl', enabled: true }],
  }),

  {
    name: 'an existing role is taken where one is named, else one is created',
    read: (configuration) => ({
      locals: [locals(configuration).create_lambda_role, locals(configuration).lambda_role_arn],
      existing: configuration.blocks.data.aws_iam_role.existing,
      created: configuration.blocks.resource.aws_iam_role.lambda,
      default: configuration.blocks.variable.lambda_role_name[0].default,
    }),
    is: {
      locals: [
        '${var.lambda_role_name == ""}',
        '${local.create_lambda_role ? aws_iam_role.lambda[0].arn : data.aws_iam_role.existing[0].arn}',
      ],
      existing: [{ count: '${local.create_lambda_role ? 0 : 1}', name: '${var.lambda_role_name}' }],
      created: [
        {
          count: '${local.create_lambda_role ? 1 : 0}',
          name: '${var.lambda_function_name}-role',
          assume_role_policy: '${data.aws_iam_policy_document.assume_lambda_role.json}',
        },
      ],
      default: '',
    },
  },
  ...attributes('who may have the role', 'data.aws_iam_policy_document.assume_lambda_role', {
    statement: [
      { actions: ['sts:AssumeRole'], principals: [{ type: 'Service', identifiers: ['lambda.amazonaws.com'] }] },
    ],
  }),
  ...attributes('the role’s policy', 'resource.aws_iam_role_policy.lambda', {
    count: '${local.create_lambda_role ? 1 : 0}',
    role: '${aws_iam_role.lambda[0].id}',
    policy: '${data.aws_iam_policy_document.lambda.json}',
  }),
  ...attributes('the function’s rights', 'data.aws_iam_policy_document.lambda', {
    statement: [
      {
        sid: 'UserDatabases',
        actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
        resources: [`${BUCKET_ARN}/user_dbs/*`],
      },
      { sid: 'MissingUserDatabases', actions: ['s3:ListBucket'], resources: [BUCKET_ARN] },
      {
        sid: 'AccountsAndLeases',
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
        resources: TABLE_ARNS,
      },
      {
        sid: 'OwnLog',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: ['${aws_cloudwatch_log_group.lambda.arn}:*'],
      },
    ],
  }),
  {
    name: 'the operator’s rights',
    read: ({ blocks }) =>
      blocks.data.aws_iam_policy_document.operator[0].statement.map(({ actions, resources }: Block) => [
        resources,
        actions.sort(),
      ]),
    is: [
      [OBJECTS, ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:GetObject', 's3:PutObject']],
      [
        [BUCKET_ARN],
        [
          's3:GetBucketPublicAccessBlock',
          's3:GetBucketVersioning',
          's3:GetEncryptionConfiguration',
          's3:GetLifecycleConfiguration',
          's3:ListBucket',
          's3:ListBucketVersions',
        ],
      ],
      [
        TABLE_ARNS,
        [
          'dynamodb:DeleteItem',
          'dynamodb:DescribeContinuousBackups',
          'dynamodb:DescribeTable',
          'dynamodb:DescribeTimeToLive',
          'dynamodb:GetItem',
          'dynamodb:PutItem',
          'dynamodb:Scan',
          'dynamodb:UpdateItem',
        ],
      ],
      [
        ['${aws_lambda_function.api.arn}', '${aws_lambda_function.api.arn}:*'],
        ['lambda:GetFunction', 'lambda:GetFunctionConfiguration', 'lambda:InvokeFunction', 'lambda:UpdateFunctionCode'],
      ],
    ],
  },

  ...attributes('the function', 'resource.aws_lambda_function.api', {
    function_name: 'javumbo-api',
    role: '${local.create_lambda_role ? aws_iam_role.lambda[0].arn : data.aws_iam_role.existing[0].arn}',
    handler: 'index.handler',
    runtime: 'nodejs22.x',
    architectures: ['arm64'],
    memory_size: 512,
    timeout: 30,
    'ephemeral_storage.0.size': 2048,
    filename: '${var.lambda_package != "" ? var.lambda_package : "${path.module}/build/javumbo-function.zip"}',
    source_code_hash: '${filebase64sha256(local.lambda_package)}',
    // A change of the package must be put in place.
    'lifecycle.0.ignore_changes': undefined,
    depends_on: ['${aws_cloudwatch_log_group.lambda}', '${aws_iam_role_policy.lambda}'],
  }),
  {
    name: 'the function: its environment, without what Lambda reserves',
    read: functionVariables,
    is: {
      S3_BUCKET: 'aws_s3_bucket.user_databases.id',
      DYNAMODB_USERS_TABLE: 'aws_dynamodb_table.users.name',
      DYNAMODB_LOCKS_TABLE: 'aws_dynamodb_table.locks.name',
      SECRET_KEY: 'var.secret_key',
      NODE_OPTIONS: expect.stringContaining('--disable-warning=ExperimentalWarning'),
      DB_CACHE_TTL: 'tostring(var.db_cache_ttl_seconds)',
    },
  },
  {
    name: 'the function: current Node runtimes only',
    read: ({ blocks }) => blocks.variable.lambda_runtime[0].validation[0].condition,
    is: '${contains(["nodejs22.x", "nodejs24.x"], var.lambda_runtime)}',
  },
  {
    name: 'the secret key is sensitive, and has no default',
    read: ({ blocks: { variable } }) => [variable.secret_key[0].sensitive, 'default' in variable.secret_key[0]],
    is: [true, false],
  },
  {
    name: 'the function: what is checked before it is made',
    read: ({ blocks }) =>
      blocks.resource.aws_lambda_function.api[0].lifecycle[0].precondition.map(({ condition }: Block) => condition),
    is: ['${fileexists(local.lambda_package)}', '${length(var.secret_key) >= 32}'],
  },
  {
    name: 'the secret key is the only variable without a default',
    read: ({ blocks }) =>
      Object.entries<Block[]>(blocks.variable).flatMap(([name, [{ default: value } = {}]]) =>
        value === undefined ? name : [],
      ),
    is: ['secret_key'],
  },
  {
    name: 'no variable that a person can get wrong is unchecked',
    read: ({ blocks }) =>
      Object.entries<Block[]>(blocks.variable)
        .filter(([, [block]]) => block?.type !== '${bool}' && block?.validation === undefined)
        .map(([name]) => name),
    // Both are checked where they are used.
    is: ['lambda_package', 'secret_key'],
  },

  ...attributes('the API', 'resource.aws_apigatewayv2_api.api', {
    protocol_type: 'HTTP',
    name: 'javumbo-api',
    'cors_configuration.0.allow_origins': ['*'],
    'cors_configuration.0.allow_methods': ['*'],
    'cors_configuration.0.allow_headers': ['*'],
  }),
  ...attributes('the integration', 'resource.aws_apigatewayv2_integration.lambda', {
    api_id: API,
    integration_type: 'AWS_PROXY',
    integration_uri: '${aws_lambda_function.api.invoke_arn}',
    payload_format_version: '2.0',
  }),
  ...attributes('the root route', 'resource.aws_apigatewayv2_route.root', {
    api_id: API,
    route_key: 'ANY /',
    target: TARGET,
  }),
  ...attributes('the catch-all route', 'resource.aws_apigatewayv2_route.proxy', {
    api_id: API,
    route_key: 'ANY /{proxy+}',
    target: TARGET,
  }),
  ...attributes('the stage', 'resource.aws_apigatewayv2_stage.default', {
    api_id: API,
    name: '$default',
    auto_deploy: true,
    'access_log_settings.0.destination_arn': '${aws_cloudwatch_log_group.api_gateway.arn}',
  }),
  {
    name: 'the access log holds what a request was, and nothing that it carried',
    read: ({ blocks }) =>
      [
        ...blocks.resource.aws_apigatewayv2_stage.default[0].access_log_settings[0].format.matchAll(
          /\$context\.[\w.]+/g,
        ),
      ].flat(),
    is: [
      '$context.requestId',
      '$context.requestTime',
      '$context.identity.sourceIp',
      '$context.httpMethod',
      '$context.routeKey',
      '$context.protocol',
      '$context.status',
      '$context.responseLength',
      '$context.integrationErrorMessage',
    ],
  },
  ...attributes('the permission', 'resource.aws_lambda_permission.api_gateway', {
    action: 'lambda:InvokeFunction',
    function_name: '${aws_lambda_function.api.function_name}',
    principal: 'apigateway.amazonaws.com',
    source_arn: '${aws_apigatewayv2_api.api.execution_arn}/*/*',
  }),
  ...attributes('the function’s log', 'resource.aws_cloudwatch_log_group.lambda', {
    name: '/aws/lambda/javumbo-api',
    retention_in_days: 14,
  }),
  ...attributes('the API’s log', 'resource.aws_cloudwatch_log_group.api_gateway', {
    name: '/aws/apigateway/javumbo-api',
    retention_in_days: 14,
  }),

  {
    name: 'the outputs are those of week 1',
    read: ({ blocks }) =>
      Object.fromEntries(
        Object.entries<Block[]>(blocks.output)
          .filter(([name]) => name !== 'deployment_summary')
          .map(([name, [block]]) => [name, block?.value]),
      ),
    is: {
      aws_region: '${var.aws_region}',
      s3_bucket_name: BUCKET,
      s3_bucket_arn: BUCKET_ARN,
      dynamodb_users_table_name: '${aws_dynamodb_table.users.name}',
      dynamodb_users_table_arn: '${aws_dynamodb_table.users.arn}',
      dynamodb_locks_table_name: '${aws_dynamodb_table.locks.name}',
      dynamodb_locks_table_arn: '${aws_dynamodb_table.locks.arn}',
      lambda_function_name: '${aws_lambda_function.api.function_name}',
      lambda_function_arn: '${aws_lambda_function.api.arn}',
      lambda_role_arn: '${local.lambda_role_arn}',
      api_gateway_url: '${aws_apigatewayv2_api.api.api_endpoint}',
      api_gateway_id: API,
      operator_policy_json: '${data.aws_iam_policy_document.operator.json}',
    },
  },
  ...attributes('the summary', 'output.deployment_summary', {
    'value.region': 'us-east-1',
    'value.environment': 'dev',
    'value.s3_bucket': BUCKET,
    'value.users_table': '${aws_dynamodb_table.users.name}',
    'value.locks_table': '${aws_dynamodb_table.locks.name}',
    'value.function': '${aws_lambda_function.api.function_name}',
    'value.api_url': '${aws_apigatewayv2_api.api.api_endpoint}',
  }),
  {
    name: 'no output shows a secret, or is hidden from javumbo',
    read: ({ blocks }) => JSON.stringify(blocks.output).match(/secret_key|sensitive|environment\[/g),
    is: null,
  },
  {
    name: 'what git must not take',
    read: ({ gitignore }) =>
      ['.terraform/', '*.tfstate', '*.tfstate.*', '*.tfvars', '*.zip'].filter(
        (line) => !gitignore.split('\n').includes(line),
      ),
    is: [],
  },
];

/** What a slip of the pen would be, for each property: the text of a file with one place changed. */
const MUTATIONS: Readonly<Record<string, readonly [file: string, from: string | RegExp, to: string]>> = {
  'the provider: region': ['main.tf', 'region = var.aws_region', 'region = "eu-west-1"'],
  'the provider: default_tags.0.tags': ['main.tf', 'ManagedBy   = "Terraform"', ''],
  'no tag has parentheses, which DynamoDB refuses': ['dynamodb.tf', ', replaces admin.db', ' (replaces admin.db)'],
  'the resources are these': ['api_gateway.tf', '"aws_apigatewayv2_route" "root"', '"aws_apigatewayv2_route" "roots"'],
  'the bucket: bucket': ['s3.tf', 'javumbo-user-dbs-$', 'javumbo-$'],
  'the bucket: force_destroy': [
    's3.tf',
    'bucket = local.s3_bucket_name',
    'bucket = local.s3_bucket_name\n force_destroy = true',
  ],
  'the bucket’s name: default': ['variables.tf', /(variable "s3_bucket_name" \{[\s\S]*?default +=) ""/, '$1 "javumbo"'],
  'versioning: bucket': [
    's3.tf',
    /("aws_s3_bucket_versioning"[^}]*bucket = )aws_s3_bucket.user_databases.id/,
    '$1"other"',
  ],
  'versioning: versioning_configuration.0.status': [
    's3.tf',
    /(versioning_configuration \{\s+status = )"Enabled"/,
    '$1"Suspended"',
  ],
  'encryption: bucket': [
    's3.tf',
    /(_encryption_configuration"[^}]*bucket = )aws_s3_bucket.user_databases.id/,
    '$1"other"',
  ],
  'encryption: rule.0.apply_server_side_encryption_by_default.0.sse_algorithm': ['s3.tf', '"AES256"', '"aws:kms"'],
  'public access: bucket': [
    's3.tf',
    /(_public_access_block"[^}]*bucket = )aws_s3_bucket.user_databases.id/,
    '$1"other"',
  ],
  'public access: block_public_acls': ['s3.tf', /(block_public_acls +=) true/, '$1 false'],
  'public access: block_public_policy': ['s3.tf', /(block_public_policy +=) true/, '$1 false'],
  'public access: ignore_public_acls': ['s3.tf', /(ignore_public_acls +=) true/, '$1 false'],
  'public access: restrict_public_buckets': ['s3.tf', 'restrict_public_buckets = true', ''],
  'the lifecycle: bucket': [
    's3.tf',
    /(_lifecycle_configuration"[^}]*bucket = )aws_s3_bucket.user_databases.id/,
    '$1"other"',
  ],
  'the lifecycle: rule.length': ['s3.tf', /(rule \{\s+id )/, 'rule {\n id = "other"\n status = "Disabled"\n}\n $1'],
  'the lifecycle: rule.0.status': [
    's3.tf',
    /(id += "javumbo-expire-old-versions"\s+status = )"Enabled"/,
    '$1"Disabled"',
  ],
  'the lifecycle: rule.0.filter': ['s3.tf', 'filter {}', 'filter {\n prefix = "test/"\n}'],
  'the lifecycle: rule.0.noncurrent_version_expiration.0.noncurrent_days': [
    's3.tf',
    'noncurrent_days = 30',
    'noncurrent_days = 31',
  ],
  'the lifecycle: rule.0.abort_incomplete_multipart_upload.0.days_after_initiation': [
    's3.tf',
    'days_after_initiation = 30',
    'days_after_initiation = 7',
  ],
  'the lifecycle: depends_on': ['s3.tf', 'depends_on = [aws_s3_bucket_versioning.user_databases]', ''],
  'conditional writes: bucket': ['s3.tf', /(0\s+bucket = )aws_s3_bucket.user_databases.id/, '$1"other"'],
  'conditional writes: count': ['s3.tf', 'var.require_conditional_writes ? 1 : 0', '1'],
  'conditional writes: policy': [
    's3.tf',
    'policy = data.aws_iam_policy_document.conditional_writes.json',
    'policy = "{}"',
  ],
  'conditional writes: depends_on': ['s3.tf', 'depends_on = [aws_s3_bucket_public_access_block.user_databases]', ''],
  'conditional writes by default: default': [
    'variables.tf',
    /(variable "require_conditional_writes" \{[^}]*default +=) false/,
    '$1 true',
  ],
  'what conditional writes refuse: statement': ['s3.tf', /condition \{[^}]*s3:if-match[^}]*\}/, ''],
  'the users table: name': ['variables.tf', '"javumbo-users"', '"users"'],
  'the users table: billing_mode': ['dynamodb.tf', '"PAY_PER_REQUEST"', '"PROVISIONED"'],
  'the users table: hash_key': ['dynamodb.tf', /"username"/, '"user_id"'],
  'the users table: range_key': ['dynamodb.tf', /(hash_key += "username")/, '$1\n range_key = "name"'],
  'the users table: attribute': ['dynamodb.tf', /type = "S"/, 'type = "N"'],
  'the users table: server_side_encryption': [
    'dynamodb.tf',
    /(server_side_encryption \{\s+enabled =) true/,
    '$1 false',
  ],
  'the users table: point_in_time_recovery': [
    'dynamodb.tf',
    /(point_in_time_recovery \{\s+enabled =) true/,
    '$1 false',
  ],
  'the users table: deletion_protection_enabled': ['dynamodb.tf', 'var.users_table_deletion_protection', 'false'],
  'the locks table: name': ['variables.tf', '"javumbo-user-locks"', '"locks"'],
  'the locks table: billing_mode': ['dynamodb.tf', /("locks" \{[^}]*)"PAY_PER_REQUEST"/, '$1"PROVISIONED"'],
  'the locks table: hash_key': ['dynamodb.tf', /("locks" \{[^}]*hash_key += )"username"/, '$1"name"'],
  'the locks table: range_key': ['dynamodb.tf', /("locks" \{[^}]*hash_key += "username")/, '$1\n range_key = "owner"'],
  'the locks table: attribute': ['dynamodb.tf', /("locks" [^}]*type = )"S"/, '$1"N"'],
  'the locks table: ttl': ['dynamodb.tf', '"ttl"', '"expiry"'],
  'an existing role is taken where one is named, else one is created': [
    'variables.tf',
    /(variable "lambda_role_name" \{[^}]*default +=) ""/,
    '$1 "LabRole"',
  ],
  'who may have the role: statement': [
    'iam.tf',
    '"lambda.amazonaws.com"',
    '"lambda.amazonaws.com", "ec2.amazonaws.com"',
  ],
  'the role’s policy: count': ['iam.tf', /(resource "aws_iam_role_policy" "lambda" \{\s+count = )[^\n]*/, '$11'],
  'the role’s policy: role': ['iam.tf', 'role   = aws_iam_role.lambda[0].id', 'role = var.lambda_role_name'],
  'the role’s policy: policy': [
    'iam.tf',
    'data.aws_iam_policy_document.lambda.json',
    'data.aws_iam_policy_document.operator.json',
  ],
  'the function’s rights: statement': ['iam.tf', '"dynamodb:UpdateItem", "dynamodb:DeleteItem"]', '"dynamodb:*"]'],
  'the operator’s rights': ['iam.tf', '      "s3:DeleteObjectVersion",\n', ''],
  'the function: function_name': ['variables.tf', '"javumbo-api"', '"javumbo"'],
  'the function: role': ['lambda.tf', 'local.lambda_role_arn', 'aws_iam_role.lambda[0].arn'],
  'the function: handler': ['lambda.tf', '"index.handler"', '"handler.handler"'],
  'the function: runtime': ['variables.tf', /default +(= "nodejs)22.x"/, 'default $120.x"'],
  'the function: architectures': ['variables.tf', /default( +)= "arm64"/, 'default$1= "x86_64"'],
  'the function: memory_size': ['variables.tf', /= 512\n/, '= 128\n'],
  'the function: timeout': ['variables.tf', /= 30\n/, '= 3\n'],
  'the function: ephemeral_storage.0.size': ['variables.tf', /= 2048\n/, '= 512\n'],
  'the function: filename': ['lambda.tf', '/build/javumbo-function.zip"\n', '/function.zip"\n'],
  'the function: source_code_hash': ['lambda.tf', /source_code_hash [^\n]*/, ''],
  'the function: lifecycle.0.ignore_changes': [
    'lambda.tf',
    'lifecycle {',
    'lifecycle {\n ignore_changes = [source_code_hash]',
  ],
  'the function: depends_on': ['lambda.tf', 'depends_on = [aws_cloudwatch_log_group.lambda, ', 'depends_on = ['],
  'the function: its environment, without what Lambda reserves': [
    'lambda.tf',
    'SECRET_KEY           =',
    'AWS_LAMBDA_FUNCTION_NAME = "javumbo-api"\n        SECRET_KEY           =',
  ],
  'the function: current Node runtimes only': ['variables.tf', '["nodejs22.x", ', '["nodejs20.x", "nodejs22.x", '],
  'the function: what is checked before it is made': ['lambda.tf', 'length(var.secret_key) >= 32', 'true'],
  'the secret key is sensitive, and has no default': ['variables.tf', 'sensitive   = true', ''],
  'the secret key is the only variable without a default': ['variables.tf', /default +(= "javumbo-users")/, ''],
  'no variable that a person can get wrong is unchecked': [
    'variables.tf',
    /validation \{[^}]*lambda_memory_mb[^}]*\}/,
    '',
  ],
  'the API: protocol_type': ['api_gateway.tf', '"HTTP"', '"WEBSOCKET"'],
  'the API: name': ['api_gateway.tf', /name( +)= var.lambda_function_name/, 'name$1= "api"'],
  'the API: cors_configuration.0.allow_origins': [
    'api_gateway.tf',
    'allow_origins = ["*"]',
    'allow_origins = ["https://example.org"]',
  ],
  'the API: cors_configuration.0.allow_methods': ['api_gateway.tf', 'allow_methods = ["*"]', 'allow_methods = ["GET"]'],
  'the API: cors_configuration.0.allow_headers': ['api_gateway.tf', 'allow_headers = ["*"]', ''],
  'the integration: api_id': [
    'api_gateway.tf',
    /("aws_apigatewayv2_integration"[^}]*api_id += )aws_apigatewayv2_api.api.id/,
    '$1"other"',
  ],
  'the integration: integration_type': ['api_gateway.tf', '"AWS_PROXY"', '"HTTP_PROXY"'],
  'the integration: integration_uri': [
    'api_gateway.tf',
    'aws_lambda_function.api.invoke_arn',
    'aws_lambda_function.api.arn',
  ],
  'the integration: payload_format_version': ['api_gateway.tf', '"2.0"', '"1.0"'],
  'the root route: api_id': ['api_gateway.tf', /("root"[^}]*api_id += )aws_apigatewayv2_api.api.id/, '$1"other"'],
  'the root route: route_key': ['api_gateway.tf', '"ANY /"', '"GET /"'],
  'the root route: target': ['api_gateway.tf', /("root"[^}]*target += )"integrations/, '$1"integration'],
  'the catch-all route: api_id': ['api_gateway.tf', /("proxy"[^}]*api_id += )aws_apigatewayv2_api.api.id/, '$1"other"'],
  'the catch-all route: route_key': ['api_gateway.tf', '{proxy+}', '{proxy}'],
  'the catch-all route: target': ['api_gateway.tf', /("proxy"[^}]*\}[^}]*target += )"integrations/, '$1"integration'],
  'the stage: api_id': ['api_gateway.tf', /("default"[^}]*api_id += )aws_apigatewayv2_api.api.id/, '$1"other"'],
  'the stage: name': ['api_gateway.tf', '"$default"', '"prod"'],
  'the stage: auto_deploy': ['api_gateway.tf', 'auto_deploy = true', 'auto_deploy = false'],
  'the stage: access_log_settings.0.destination_arn': [
    'api_gateway.tf',
    'aws_cloudwatch_log_group.api_gateway.arn',
    'aws_cloudwatch_log_group.lambda.arn',
  ],
  'the access log holds what a request was, and nothing that it carried': [
    'api_gateway.tf',
    '"$context.protocol"',
    '"$context.authorizer.claims"',
  ],
  'the permission: action': ['api_gateway.tf', '"lambda:InvokeFunction"', '"lambda:*"'],
  'the permission: function_name': ['api_gateway.tf', 'aws_lambda_function.api.function_name', '"other"'],
  'the permission: principal': ['api_gateway.tf', '"apigateway.amazonaws.com"', '"*"'],
  'the permission: source_arn': ['api_gateway.tf', /source_arn [^\n]*/, ''],
  'the function’s log: name': ['lambda.tf', '"/aws/lambda/', '"/lambda/'],
  'the function’s log: retention_in_days': ['lambda.tf', /retention_in_days [^\n]*/, ''],
  'the API’s log: name': ['api_gateway.tf', '"/aws/apigateway/', '"/aws/api/'],
  'the API’s log: retention_in_days': ['api_gateway.tf', /retention_in_days [^\n]*/, ''],
  'the outputs are those of week 1': ['outputs.tf', '"s3_bucket_arn"', '"bucket_arn"'],
  'the summary: value.region': ['outputs.tf', /(region +)= var.aws_region/, '$1= "eu-west-1"'],
  'the summary: value.environment': ['outputs.tf', /(environment +)= var.environment/, '$1= "prod"'],
  'the summary: value.s3_bucket': ['outputs.tf', /(s3_bucket +)= aws_s3_bucket.user_databases.id/, '$1= "other"'],
  'the summary: value.users_table': [
    'outputs.tf',
    /(users_table +)= aws_dynamodb_table.users.name/,
    '$1= aws_dynamodb_table.locks.name',
  ],
  'the summary: value.locks_table': ['outputs.tf', /(locks_table +)= aws_dynamodb_table.locks.name/, ''],
  'the summary: value.function': ['outputs.tf', /( function +)= aws_lambda_function.api.function_name/, '$1= "other"'],
  'the summary: value.api_url': ['outputs.tf', /(api_url +)= [^\n]*/, ''],
  'no output shows a secret, or is hidden from javumbo': [
    'outputs.tf',
    'value       = aws_s3_bucket.user_databases.id',
    'value       = aws_s3_bucket.user_databases.id\n  sensitive = true',
  ],
  'what git must not take': ['.gitignore', '*.tfvars\n', ''],
};

/** The names of the properties that a configuration does not have. */
function missed(configuration: Configuration): string[] {
  return PROPERTIES.filter(({ read, is }) => {
    try {
      expect(read(configuration)).toEqual(is);
      return false;
    } catch {
      return true;
    }
  }).map(({ name }) => name);
}

describe('the configuration has every property of Day 1', () => {
  let configuration: Configuration;
  beforeAll(async () => {
    configuration = await read(FILES);
  });
  test.each(PROPERTIES)('$name', ({ read, is }) => {
    expect(read(configuration)).toEqual(is);
  });
});

describe('a change of each of them is seen', () => {
  test('there is one for each', () => {
    expect(Object.keys(MUTATIONS).sort()).toEqual(PROPERTIES.map(({ name }) => name).sort());
  });

  test.each(Object.entries(MUTATIONS))('%s', async (property, [file, from, to]) => {
    const text = FILES.get(file) ?? '';
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    expect(missed(await read(new Map([...FILES, [file, changed]])))).toContain(property);
  });
});

test('every variable, output and file is in the README, and no other variable', async () => {
  const readme = readFileSync(new URL('README.md', HERE), 'utf8');
  const { blocks } = await read(FILES);
  const section = (from: string, to: string): string => readme.slice(readme.indexOf(from), readme.indexOf(to));
  const table = [...section('## Variables', '## Outputs').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(table.sort()).toEqual(Object.keys(blocks.variable).sort());
  const outputs = section('## Outputs', '## New code');
  expect(Object.keys(blocks.output).filter((name) => !outputs.includes(`\`${name}\``))).toEqual([]);
  const files = [...readme.matchAll(/^\| `(\w+\.tf)` \|/gm)].map(([, name]) => name);
  expect(files.sort()).toEqual([...FILES.keys()].filter((name) => name.endsWith('.tf')).sort());
});

test('the npm package has the configuration, and neither state nor secrets nor tests', async () => {
  const root = temporaryDirectory();
  copyFileSync(new URL('../package.json', HERE), join(root, 'package.json'));
  cpSync(HERE, join(root, 'infra'), { recursive: true });
  const unpacked = [
    'terraform.tfstate',
    'terraform.tfstate.backup',
    'secret.auto.tfvars',
    'build/javumbo-function.zip',
  ];
  for (const file of [...unpacked, '.terraform/providers/aws']) {
    mkdirSync(dirname(join(root, 'infra', file)), { recursive: true });
    writeFileSync(join(root, 'infra', file), 'secret');
  }
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: root });
  const packed = [...stdout.matchAll(/"path": "infra\/([^"]+)"/g)].map(([, path]) => path);
  const configuration = [...FILES.keys()].filter((name) => name.endsWith('.tf'));
  expect(packed.sort()).toEqual([...configuration, 'README.md'].sort());
});

describe('terraform fmt changes nothing', () => {
  const texts = [...FILES].filter(([name]) => name.endsWith('.tf')).map(([name, text]) => ({ name, text }));

  test('there are the files of Day 1', () => {
    expect(texts.map(({ name }) => name).sort()).toEqual(
      ['api_gateway', 'dynamodb', 'iam', 'lambda', 'main', 'outputs', 's3', 'variables'].map((name) => `${name}.tf`),
    );
  });

  test.each(texts)('in $name', async ({ text }) => {
    expect(await format(text)).toBe(text);
  });

  test('and would change what is not formatted', async () => {
    expect(await format('a =   1\nbcd = 2\n')).toBe('a   = 1\nbcd = 2\n');
  });
});
