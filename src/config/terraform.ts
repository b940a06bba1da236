/** The outputs of `infra/` that are settings, by their names in Terraform; all optional. */
export interface TerraformOutputs {
  readonly s3_bucket_name?: string | undefined;
  readonly dynamodb_users_table_name?: string | undefined;
  readonly dynamodb_locks_table_name?: string | undefined;
  readonly lambda_function_name?: string | undefined;
  readonly api_gateway_url?: string | undefined;
  readonly aws_region?: string | undefined;
}
