variable "environment" {
  description = "dev, staging or prod; an account holds one of them."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "Allowed: dev, staging, prod."
  }
}

variable "lake" {
  description = "Parameters of the stack: ../stacks/lake.yaml says what they mean; a list is written with commas."
  type = object({
    ExistingKeyArn = optional(string)
    CaptureDays    = optional(string)
    NoncurrentDays = optional(string)
  })
  default = {}
}

variable "network" {
  description = "Parameters of the stack: ../stacks/network.yaml says what they mean; a list is written with commas."
  type = object({
    Cidr             = optional(string)
    Private          = optional(string)
    EndpointServices = optional(string)
    LogDays          = optional(string)
  })
  default = {}
}

variable "ledger" {
  description = "Parameters of the stack: ../stacks/ledger.yaml says what they mean; a list is written with commas."
  type = object({
    DeletionProtection = optional(string)
  })
  default = {}
}

variable "observability" {
  description = "Parameters of the stack: ../stacks/observability.yaml says what they mean; a list is written with commas."
  type = object({
    AlertEmail       = optional(string)
    MonthlyBudgetUsd = optional(string)
  })
  default = {}
}

variable "people" {
  description = "Parameters of the stack: ../stacks/people.yaml says what they mean; a list is written with commas."
  type = object({
    Engineers           = string
    ScientistPrincipals = string
    Reviewers           = string
    CiProviderArn       = string
    CiSubject           = string
  })
}

variable "airflow" {
  description = "Parameters of the stack: ../stacks/airflow.yaml says what they mean; a list is written with commas."
  type = object({
    ImageTag            = string
    Class               = optional(string)
    MaxWorkers          = optional(string)
    UseSlack            = optional(string)
    WebAccess           = optional(string)
    RequirementsVersion = optional(string)
    PluginsVersion      = optional(string)
    StartupVersion      = optional(string)
  })
}

variable "serving" {
  description = "Parameters of the stack of each model, by its name: ../stacks/serving.yaml says what they mean; a list is written with commas."
  type = map(object({
    Authorization          = optional(string)
    Clients                = string
    RequestsPerSecond      = optional(string)
    Burst                  = optional(string)
    BatchRequestsPerSecond = optional(string)
    RequestsPerMonth       = optional(string)
    LogDays                = optional(string)
  }))
  default = {}
}

variable "notebooks" {
  description = "Parameters of the stack: ../stacks/notebooks.yaml says what they mean; a list is written with commas."
  type = object({
    Scientists    = string
    RepositoryUrl = string
    InstanceType  = optional(string)
    IdleMinutes   = optional(string)
  })
}
