resource "aws_dynamodb_table" "users" {
  name                        = var.dynamodb_users_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "username"
  deletion_protection_enabled = var.users_table_deletion_protection

  attribute {
    name = "username"
    type = "S"
  }

  server_side_encryption {
    enabled = true
  }

  point_in_time_recovery {
    enabled = true
  }

  tags = {
    Description = "User accounts, replaces admin.db"
  }
}

# Its items expire, so nothing protects or restores it.
resource "aws_dynamodb_table" "locks" {
  name         = var.dynamodb_locks_table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "username"

  attribute {
    name = "username"
    type = "S"
  }

  ttl {
    attribute_name = "ttl"
    enabled        = true
  }

  tags = {
    Description = "Leases on user databases"
  }
}
