locals {
  s3_bucket_name = var.s3_bucket_name != "" ? var.s3_bucket_name : "javumbo-user-dbs-${data.aws_caller_identity.current.account_id}"
}

# Without force_destroy: S3 refuses to delete a bucket that is not empty.
resource "aws_s3_bucket" "user_databases" {
  bucket = local.s3_bucket_name
}

resource "aws_s3_bucket_versioning" "user_databases" {
  bucket = aws_s3_bucket.user_databases.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "user_databases" {
  bucket = aws_s3_bucket.user_databases.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "user_databases" {
  bucket = aws_s3_bucket.user_databases.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "user_databases" {
  bucket = aws_s3_bucket.user_databases.id

  rule {
    id     = "javumbo-expire-old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 30
    }
  }

  # Old versions expire only if there are versions.
  depends_on = [aws_s3_bucket_versioning.user_databases]
}

# Refuses every write under user_dbs/ without If-Match or If-None-Match. Parts of a multipart upload cannot carry either
# (they create no object); its completion can, and must.
data "aws_iam_policy_document" "conditional_writes" {
  statement {
    sid       = "DenyUnconditionalWrites"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.user_databases.arn}/user_dbs/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-match"
      values   = ["true"]
    }

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }

    condition {
      test     = "Bool"
      variable = "s3:ObjectCreationOperation"
      values   = ["true"]
    }
  }
}

# Nothing crosses a network in clear text.
data "aws_iam_policy_document" "bucket" {
  source_policy_documents = var.require_conditional_writes ? [data.aws_iam_policy_document.conditional_writes.json] : []

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.user_databases.arn, "${aws_s3_bucket.user_databases.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

moved {
  from = aws_s3_bucket_policy.conditional_writes[0]
  to   = aws_s3_bucket_policy.user_databases
}

resource "aws_s3_bucket_policy" "user_databases" {
  bucket = aws_s3_bucket.user_databases.id
  policy = data.aws_iam_policy_document.bucket.json

  # S3 refuses two concurrent changes of one bucket's access.
  depends_on = [aws_s3_bucket_public_access_block.user_databases]
}
