"""A local AWS: a moto server behind one endpoint that keeps IAM's rules, and a world of broken
pipelines in it. `demo.aws.cloud.Cloud` starts it, `demo.aws.world` fills it."""
