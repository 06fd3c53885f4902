output "stacks" {
  description = "What each stack gives, such as the address of Airflow and of a model's API."
  value = merge(
    { lake = aws_cloudformation_stack.lake.outputs },
    { network = aws_cloudformation_stack.network.outputs },
    { ledger = aws_cloudformation_stack.ledger.outputs },
    { images = aws_cloudformation_stack.images.outputs },
    { sagemaker = aws_cloudformation_stack.sagemaker.outputs },
    { events = aws_cloudformation_stack.events.outputs },
    { observability = aws_cloudformation_stack.observability.outputs },
    { people = aws_cloudformation_stack.people.outputs },
    { airflow = aws_cloudformation_stack.airflow.outputs },
    { notebooks = aws_cloudformation_stack.notebooks.outputs },
    { for model, stack in aws_cloudformation_stack.serving : "serving-${model}" => stack.outputs },
  )
}
