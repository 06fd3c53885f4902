# One resource per stack: the templates in ../stacks are the source, and Terraform knows the stack and not its parts.
# What a stack gives the next one is named as its outputs are.

resource "aws_cloudformation_stack" "lake" {
  name          = "windtunnel-${var.environment}-lake"
  template_body = file("${path.module}/../stacks/lake.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment = var.environment
    },
    { for name, value in var.lake : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "network" {
  name          = "windtunnel-${var.environment}-network"
  template_body = file("${path.module}/../stacks/network.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment = var.environment
      KeyArn      = aws_cloudformation_stack.lake.outputs["KeyArn"]
    },
    { for name, value in var.network : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "ledger" {
  name          = "windtunnel-${var.environment}-ledger"
  template_body = file("${path.module}/../stacks/ledger.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment = var.environment
      KeyArn      = aws_cloudformation_stack.lake.outputs["KeyArn"]
    },
    { for name, value in var.ledger : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "images" {
  name          = "windtunnel-${var.environment}-images"
  template_body = file("${path.module}/../stacks/images.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment = var.environment
    },
  )
}

resource "aws_cloudformation_stack" "sagemaker" {
  name          = "windtunnel-${var.environment}-sagemaker"
  template_body = file("${path.module}/../stacks/sagemaker.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment   = var.environment
      DataBucket    = aws_cloudformation_stack.lake.outputs["DataBucket"]
      KeyArn        = aws_cloudformation_stack.lake.outputs["KeyArn"]
      RepositoryArn = aws_cloudformation_stack.images.outputs["RepositoryArn"]
    },
  )
}

resource "aws_cloudformation_stack" "events" {
  name          = "windtunnel-${var.environment}-events"
  template_body = file("${path.module}/../stacks/events.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment  = var.environment
      SourceBucket = aws_cloudformation_stack.lake.outputs["SourceBucket"]
      DataBucket   = aws_cloudformation_stack.lake.outputs["DataBucket"]
      KeyArn       = aws_cloudformation_stack.lake.outputs["KeyArn"]
    },
  )
}

resource "aws_cloudformation_stack" "observability" {
  name          = "windtunnel-${var.environment}-observability"
  template_body = file("${path.module}/../stacks/observability.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment     = var.environment
      KeyArn          = aws_cloudformation_stack.lake.outputs["KeyArn"]
      LedgerTable     = aws_cloudformation_stack.ledger.outputs["LedgerTable"]
      UndeliveredName = aws_cloudformation_stack.events.outputs["UndeliveredName"]
      ArrivalsName    = aws_cloudformation_stack.events.outputs["ArrivalsName"]
    },
    { for name, value in var.observability : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "people" {
  name          = "windtunnel-${var.environment}-people"
  template_body = file("${path.module}/../stacks/people.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment   = var.environment
      DataBucket    = aws_cloudformation_stack.lake.outputs["DataBucket"]
      SourceBucket  = aws_cloudformation_stack.lake.outputs["SourceBucket"]
      CodeBucket    = aws_cloudformation_stack.lake.outputs["CodeBucket"]
      KeyArn        = aws_cloudformation_stack.lake.outputs["KeyArn"]
      Database      = aws_cloudformation_stack.lake.outputs["Database"]
      RepositoryArn = aws_cloudformation_stack.images.outputs["RepositoryArn"]
    },
    { for name, value in var.people : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "airflow" {
  name          = "windtunnel-${var.environment}-airflow"
  template_body = file("${path.module}/../stacks/airflow.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment      = var.environment
      SubnetIds        = aws_cloudformation_stack.network.outputs["SubnetIds"]
      AirflowGroupId   = aws_cloudformation_stack.network.outputs["AirflowGroupId"]
      DataBucket       = aws_cloudformation_stack.lake.outputs["DataBucket"]
      SourceBucket     = aws_cloudformation_stack.lake.outputs["SourceBucket"]
      CodeBucket       = aws_cloudformation_stack.lake.outputs["CodeBucket"]
      KeyArn           = aws_cloudformation_stack.lake.outputs["KeyArn"]
      Database         = aws_cloudformation_stack.lake.outputs["Database"]
      LedgerTable      = aws_cloudformation_stack.ledger.outputs["LedgerTable"]
      SagemakerRoleArn = aws_cloudformation_stack.sagemaker.outputs["SagemakerRoleArn"]
      RepositoryUri    = aws_cloudformation_stack.images.outputs["RepositoryUri"]
      AlertTopic       = aws_cloudformation_stack.observability.outputs["AlertTopic"]
      SlackSecretName  = aws_cloudformation_stack.observability.outputs["SlackSecretName"]
      QueueArns        = aws_cloudformation_stack.events.outputs["QueueArns"]
    },
    { for name, value in var.airflow : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "serving" {
  for_each      = var.serving
  name          = "windtunnel-${var.environment}-serving-${each.key}"
  template_body = file("${path.module}/../stacks/serving.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment = var.environment
      Model       = each.key
      KeyArn      = aws_cloudformation_stack.lake.outputs["KeyArn"]
      TopicArn    = aws_cloudformation_stack.observability.outputs["TopicArn"]
    },
    { for name, value in each.value : name => value if value != null },
  )
}

resource "aws_cloudformation_stack" "notebooks" {
  name          = "windtunnel-${var.environment}-notebooks"
  template_body = file("${path.module}/../stacks/notebooks.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge(
    {
      Environment    = var.environment
      VpcId          = aws_cloudformation_stack.network.outputs["VpcId"]
      SubnetIds      = aws_cloudformation_stack.network.outputs["SubnetIds"]
      AirflowGroupId = aws_cloudformation_stack.network.outputs["AirflowGroupId"]
      DataBucket     = aws_cloudformation_stack.lake.outputs["DataBucket"]
      KeyArn         = aws_cloudformation_stack.lake.outputs["KeyArn"]
      Database       = aws_cloudformation_stack.lake.outputs["Database"]
    },
    { for name, value in var.notebooks : name => value if value != null },
  )
}
