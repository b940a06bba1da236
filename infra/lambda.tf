locals {
  lambda_package = var.lambda_package != "" ? var.lambda_package : "${path.module}/build/javumbo-function.zip"
}

resource "aws_lambda_function" "api" {
  function_name = var.lambda_function_name
  role          = local.lambda_role_arn
  handler       = "index.handler"
  runtime       = var.lambda_runtime
  architectures = [var.lambda_architecture]
  memory_size   = var.lambda_memory_mb
  timeout       = var.lambda_timeout_seconds

  reserved_concurrent_executions = var.lambda_reserved_concurrency

  # Terraform deploys the package when its bytes change. Code from `javumbo function deploy` is no such change, so it
  # stays.
  filename         = local.lambda_package
  source_code_hash = filebase64sha256(local.lambda_package)

  ephemeral_storage {
    size = var.lambda_ephemeral_storage_mb
  }

  # AWS_LAMBDA_FUNCTION_NAME is reserved: Lambda sets it and refuses it here.
  environment {
    variables = merge(
      {
        S3_BUCKET            = aws_s3_bucket.user_databases.id
        DYNAMODB_USERS_TABLE = aws_dynamodb_table.users.name
        DYNAMODB_LOCKS_TABLE = aws_dynamodb_table.locks.name
        # Node 22 logs a warning about node:sqlite, which the function uses.
        NODE_OPTIONS = "--disable-warning=ExperimentalWarning"
      },
      var.db_cache_ttl_seconds == null ? {} : { DB_CACHE_TTL = tostring(var.db_cache_ttl_seconds) },
    )
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.lambda_package)
      error_message = "The function's code is not there. Make it: javumbo function package --out infra/build/javumbo-function.zip"
    }
  }

  # Before these exist, a running function would log without expiry, or not at all.
  depends_on = [aws_cloudwatch_log_group.lambda, aws_iam_role_policy.lambda]
}

resource "aws_cloudwatch_log_group" "lambda" {
  name              = "/aws/lambda/${var.lambda_function_name}"
  retention_in_days = var.log_retention_days
}
