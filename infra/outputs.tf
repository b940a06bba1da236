# `javumbo --terraform infra` reads its settings from these, by name.

output "aws_region" {
  description = "Region of everything here."
  value       = var.aws_region
}

output "s3_bucket_name" {
  description = "Bucket of the user databases."
  value       = aws_s3_bucket.user_databases.id
}

output "s3_bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.user_databases.arn
}

output "dynamodb_users_table_name" {
  description = "Table of the accounts."
  value       = aws_dynamodb_table.users.name
}

output "dynamodb_users_table_arn" {
  description = "ARN of the table of the accounts."
  value       = aws_dynamodb_table.users.arn
}

output "dynamodb_locks_table_name" {
  description = "Table of the leases."
  value       = aws_dynamodb_table.locks.name
}

output "dynamodb_locks_table_arn" {
  description = "ARN of the table of the leases."
  value       = aws_dynamodb_table.locks.arn
}

output "lambda_function_name" {
  description = "The function."
  value       = aws_lambda_function.api.function_name
}

output "lambda_function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.api.arn
}

output "lambda_role_arn" {
  description = "ARN of the role that the function has."
  value       = local.lambda_role_arn
}

output "api_gateway_url" {
  description = "Address of the HTTP API."
  value       = aws_apigatewayv2_api.api.api_endpoint
}

output "api_gateway_id" {
  description = "Id of the HTTP API."
  value       = aws_apigatewayv2_api.api.id
}

output "operator_policy_json" {
  description = "IAM policy with the rights that the javumbo command needs, to attach to an operator or a CI."
  value       = data.aws_iam_policy_document.operator.json
}

output "deployment_summary" {
  description = "The deployment at a glance."
  value = {
    region       = var.aws_region
    environment  = var.environment
    s3_bucket    = aws_s3_bucket.user_databases.id
    users_table  = aws_dynamodb_table.users.name
    locks_table  = aws_dynamodb_table.locks.name
    function     = aws_lambda_function.api.function_name
    runtime      = aws_lambda_function.api.runtime
    architecture = var.lambda_architecture
    memory_mb    = aws_lambda_function.api.memory_size
    api_url      = aws_apigatewayv2_api.api.api_endpoint
  }
}
