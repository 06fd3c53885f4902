"""The AWS account of windtunnel: CloudFormation stacks in `stacks/`, what they are given in `environments/`, their deployment."""
