locals {
  create_lambda_role = var.lambda_role_name == ""
  lambda_role_arn    = local.create_lambda_role ? aws_iam_role.lambda[0].arn : data.aws_iam_role.existing[0].arn
}

# AWS Academy's credentials cannot create roles; LabRole exists and has the rights.
data "aws_iam_role" "existing" {
  count = local.create_lambda_role ? 0 : 1

  name = var.lambda_role_name
}

data "aws_iam_policy_document" "assume_lambda_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# Exactly what the function does.
data "aws_iam_policy_document" "lambda" {
  statement {
    sid       = "UserDatabases"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.user_databases.arn}/user_dbs/*"]
  }

  # Without this S3 answers 403 instead of 404 for a missing database.
  statement {
    sid       = "MissingUserDatabases"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.user_databases.arn]
  }

  statement {
    sid       = "Accounts"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.users.arn]
  }

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.lambda.arn}:*"]
  }
}

resource "aws_iam_role" "lambda" {
  count = local.create_lambda_role ? 1 : 0

  name               = "${var.lambda_function_name}-role"
  assume_role_policy = data.aws_iam_policy_document.assume_lambda_role.json
}

resource "aws_iam_role_policy" "lambda" {
  count = local.create_lambda_role ? 1 : 0

  name   = "${var.lambda_function_name}-least-rights"
  role   = aws_iam_role.lambda[0].id
  policy = data.aws_iam_policy_document.lambda.json
}

# The rights of the javumbo command, for the user or role of an operator or CI; nothing here attaches it.
data "aws_iam_policy_document" "operator" {
  statement {
    sid = "UserDatabases"
    actions = [
      "s3:GetObject",
      "s3:PutObject",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
    ]
    resources = [
      "${aws_s3_bucket.user_databases.arn}/user_dbs/*",
      "${aws_s3_bucket.user_databases.arn}/test/*",
    ]
  }

  statement {
    sid = "Bucket"
    actions = [
      "s3:ListBucket",
      "s3:ListBucketVersions",
      "s3:GetBucketVersioning",
      "s3:GetEncryptionConfiguration",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetLifecycleConfiguration",
    ]
    resources = [aws_s3_bucket.user_databases.arn]
  }

  statement {
    sid = "Tables"
    actions = [
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:DeleteItem",
      "dynamodb:Scan",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:DescribeContinuousBackups",
    ]
    resources = [aws_dynamodb_table.users.arn, aws_dynamodb_table.locks.arn]
  }

  statement {
    sid = "Function"
    actions = [
      "lambda:GetFunctionConfiguration",
      "lambda:InvokeFunction",
      "lambda:UpdateFunctionCode",
    ]
    resources = [aws_lambda_function.api.arn, "${aws_lambda_function.api.arn}:*"]
  }
}
