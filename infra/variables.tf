variable "aws_region" {
  description = "AWS region of everything here."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.aws_region))
    error_message = "A region looks like us-east-1."
  }
}

variable "environment" {
  description = "What the deployment is for, as a tag of every resource: dev, staging or prod."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "The environment is dev, staging or prod."
  }
}

variable "s3_bucket_name" {
  description = "Bucket of the user databases. Without one: javumbo-user-dbs-{account}, since names are unique worldwide."
  type        = string
  default     = ""

  validation {
    condition     = var.s3_bucket_name == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.s3_bucket_name))
    error_message = "A bucket's name is 3 to 63 lower-case letters, digits, hyphens and dots."
  }
}

variable "require_conditional_writes" {
  description = "Whether the bucket refuses writes under user_dbs/ that carry no condition, as the Python prototype's."
  type        = bool
  default     = false
}

variable "dynamodb_users_table_name" {
  description = "Table of the accounts."
  type        = string
  default     = "javumbo-users"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.dynamodb_users_table_name))
    error_message = "A table's name is 3 to 255 letters, digits, underscores, hyphens and dots."
  }
}

variable "dynamodb_locks_table_name" {
  description = "Table of the leases."
  type        = string
  default     = "javumbo-user-locks"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.dynamodb_locks_table_name))
    error_message = "A table's name is 3 to 255 letters, digits, underscores, hyphens and dots."
  }
}

variable "users_table_deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table of the accounts, for anybody. Set it to false before terraform destroy."
  type        = bool
  default     = true
}

variable "lambda_function_name" {
  description = "The function. The HTTP API and the log groups are named after it."
  type        = string
  default     = "javumbo-api"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,59}$", var.lambda_function_name))
    error_message = "The function's name is 1 to 59 letters, digits, underscores and hyphens, since the role's adds five."
  }
}

variable "lambda_role_name" {
  description = "An existing role for the function, such as LabRole of AWS Academy, where roles cannot be created. Without one: a role with least rights."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{0,64}$", var.lambda_role_name))
    error_message = "The name of a role, not its ARN: up to 64 letters, digits and _+=,.@- characters."
  }
}

variable "lambda_package" {
  description = "The function's code. Without a path: build/javumbo-function.zip beside this file, where the README's `javumbo function package` puts it. A relative path starts in this folder."
  type        = string
  default     = ""
}

variable "lambda_runtime" {
  description = "Node runtime of the function."
  type        = string
  default     = "nodejs22.x"

  validation {
    condition     = contains(["nodejs22.x", "nodejs24.x"], var.lambda_runtime)
    error_message = "The function runs on nodejs22.x and nodejs24.x, which have SQLite built in."
  }
}

variable "lambda_architecture" {
  description = "Processor of the function: arm64 (a fifth cheaper) or x86_64. The package is the same."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "lambda_memory_mb" {
  description = "Memory of the function in MB; its share of a processor grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.lambda_memory_mb >= 128 && var.lambda_memory_mb <= 10240 && floor(var.lambda_memory_mb) == var.lambda_memory_mb
    error_message = "Lambda has 128 to 10240 MB of memory."
  }
}

variable "lambda_timeout_seconds" {
  description = "Time limit of the function in seconds. The HTTP API gives up after 30, whatever this is."
  type        = number
  default     = 30

  validation {
    condition     = var.lambda_timeout_seconds >= 1 && var.lambda_timeout_seconds <= 900 && floor(var.lambda_timeout_seconds) == var.lambda_timeout_seconds
    error_message = "Lambda's time limit is 1 to 900 seconds."
  }
}

variable "lambda_ephemeral_storage_mb" {
  description = "Size of /tmp in MB, where a container caches user databases."
  type        = number
  default     = 2048

  validation {
    condition     = var.lambda_ephemeral_storage_mb >= 512 && var.lambda_ephemeral_storage_mb <= 10240 && floor(var.lambda_ephemeral_storage_mb) == var.lambda_ephemeral_storage_mb
    error_message = "Lambda's /tmp has 512 to 10240 MB."
  }
}

variable "lambda_reserved_concurrency" {
  description = "How many containers the function may have at once, taken from the account's. -1: as many as the account has left; 0 stops it."
  type        = number
  default     = -1

  validation {
    condition     = var.lambda_reserved_concurrency >= -1 && floor(var.lambda_reserved_concurrency) == var.lambda_reserved_concurrency
    error_message = "A number of containers, or -1."
  }
}

variable "api_requests_per_second" {
  description = "How many requests the HTTP API passes on in a second; others get 429."
  type        = number
  default     = 20

  validation {
    condition     = var.api_requests_per_second > 0
    error_message = "More than 0 requests a second."
  }
}

variable "api_requests_burst" {
  description = "How many requests the HTTP API passes on at once."
  type        = number
  default     = 40

  validation {
    condition     = var.api_requests_burst >= 1 && floor(var.api_requests_burst) == var.api_requests_burst
    error_message = "At least 1 request at once."
  }
}

variable "cors_allow_origins" {
  description = "Origins whose pages may call the HTTP API from a browser, such as https://example.org. Without any: none."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_allow_origins : can(regex("^https://[a-z0-9.-]+(:[0-9]+)?$", origin))])
    error_message = "An origin looks like https://example.org."
  }
}

variable "db_cache_ttl_seconds" {
  description = "The function's DB_CACHE_TTL: for how many seconds a cached database may be served without asking. Without one: the function's own default."
  type        = number
  default     = null

  validation {
    condition     = var.db_cache_ttl_seconds == null ? true : var.db_cache_ttl_seconds >= 0
    error_message = "A number of seconds, or nothing."
  }
}

variable "log_retention_days" {
  description = "For how many days the logs of the function and the HTTP API are kept."
  type        = number
  default     = 14

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}
