/** Every property of Day 1. */
import { expect } from 'vitest';
import { API, type Block, type Configuration } from './configuration.ts';

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

export interface Property {
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

export const PROPERTIES: readonly Property[] = [
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
      'aws_s3_bucket_policy.user_databases',
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
  ...attributes('the bucket’s policy', 'resource.aws_s3_bucket_policy.user_databases', {
    bucket: BUCKET,
    policy: '${data.aws_iam_policy_document.bucket.json}',
    depends_on: ['${aws_s3_bucket_public_access_block.user_databases}'],
  }),
  ...attributes('what is refused of everybody', 'data.aws_iam_policy_document.bucket', {
    source_policy_documents:
      '${var.require_conditional_writes ? [data.aws_iam_policy_document.conditional_writes.json] : []}',
    statement: [
      {
        sid: 'DenyWithoutTls',
        effect: 'Deny',
        actions: ['s3:*'],
        resources: [BUCKET_ARN, `${BUCKET_ARN}/*`],
        principals: [{ type: '*', identifiers: ['*'] }],
        condition: [{ test: 'Bool', variable: 'aws:SecureTransport', values: ['false'] }],
      },
    ],
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
        sid: 'Accounts',
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
        resources: TABLE_ARNS.slice(0, 1),
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
        ['lambda:GetFunctionConfiguration', 'lambda:InvokeFunction', 'lambda:UpdateFunctionCode'],
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
    reserved_concurrent_executions: -1,
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
    name: 'the function: what is checked before it is made',
    read: ({ blocks }) =>
      blocks.resource.aws_lambda_function.api[0].lifecycle[0].precondition.map(({ condition }: Block) => condition),
    is: ['${fileexists(local.lambda_package)}'],
  },
  {
    name: 'no variable lacks a default',
    read: ({ blocks }) =>
      Object.entries<Block[]>(blocks.variable).flatMap(([name, [{ default: value } = {}]]) =>
        value === undefined ? name : [],
      ),
    is: [],
  },
  {
    name: 'no variable that a person can get wrong is unchecked',
    read: ({ blocks }) =>
      Object.entries<Block[]>(blocks.variable)
        .filter(([, [block]]) => block?.type !== '${bool}' && block?.validation === undefined)
        .map(([name]) => name),
    // It is checked where it is used.
    is: ['lambda_package'],
  },

  ...attributes('the API', 'resource.aws_apigatewayv2_api.api', {
    protocol_type: 'HTTP',
    name: 'javumbo-api',
    cors_configuration: undefined,
    'dynamic.cors_configuration.0.for_each': '${length(var.cors_allow_origins) == 0 ? [] : [var.cors_allow_origins]}',
  }),
  ...attributes('the origins of others', 'variable.cors_allow_origins', { default: [] }),
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
    'default_route_settings.0': {
      throttling_rate_limit: '${var.api_requests_per_second}',
      throttling_burst_limit: '${var.api_requests_burst}',
    },
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
