// Synthesises pipelines with the AWS CDK into cdk.out/<app>/; resolve.py turns them into snapshots.
// The roles that the CDK generates are known to run: what they lack, no pipeline needs.
'use strict';

const path = require('node:path');
const cdk = require('aws-cdk-lib');
const codebuild = require('aws-cdk-lib/aws-codebuild');
const codecommit = require('aws-cdk-lib/aws-codecommit');
const codedeploy = require('aws-cdk-lib/aws-codedeploy');
const codepipeline = require('aws-cdk-lib/aws-codepipeline');
const actions = require('aws-cdk-lib/aws-codepipeline-actions');
const ec2 = require('aws-cdk-lib/aws-ec2');
const ecr = require('aws-cdk-lib/aws-ecr');
const ecs = require('aws-cdk-lib/aws-ecs');
const elb = require('aws-cdk-lib/aws-elasticloadbalancingv2');
const iam = require('aws-cdk-lib/aws-iam');
const kms = require('aws-cdk-lib/aws-kms');
const lambda = require('aws-cdk-lib/aws-lambda');
const pipelines = require('aws-cdk-lib/pipelines');
const s3 = require('aws-cdk-lib/aws-s3');
const secretsmanager = require('aws-cdk-lib/aws-secretsmanager');
const sfn = require('aws-cdk-lib/aws-stepfunctions');
const sns = require('aws-cdk-lib/aws-sns');

const HOME = { account: '111111111111', region: 'us-east-1' };
const TARGET = { account: '222222222222', region: 'us-east-1' };
const SOURCE = { account: '333333333333', region: 'us-east-1' };
const WEST = { account: '111111111111', region: 'us-west-2' };
const CONNECTION =
  'arn:aws:codestar-connections:us-east-1:111111111111:connection/aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb';

const apps = {};

/** Declares one app; `build` gets the app and its home stack. */
function app(name, build) {
  apps[name] = () => {
    const it = new cdk.App({ outdir: path.join(__dirname, 'cdk.out', name) });
    build(it, new cdk.Stack(it, name, { env: HOME }), name);
    it.synth();
  };
}

const s3Source = (stack, output, props = {}) =>
  new actions.S3SourceAction({
    actionName: 'Source',
    bucket: new s3.Bucket(stack, 'Sources', { versioned: true, ...props }),
    bucketKey: 'source.zip',
    output,
  });

const connectionSource = (output, props = {}) =>
  new actions.CodeStarConnectionsSourceAction({
    actionName: 'Source',
    connectionArn: CONNECTION,
    owner: 'example-org',
    repo: 'example-repo',
    branch: 'main',
    output,
    ...props,
  });

const build = (stack, input, outputs, props = {}) =>
  new actions.CodeBuildAction({
    actionName: 'Build',
    project: new codebuild.PipelineProject(stack, 'Project', props),
    input,
    outputs,
  });

app('s3-codebuild-s3', (it, stack, name) => {
  const [source, built] = [new codepipeline.Artifact('Source'), new codepipeline.Artifact('Built')];
  const key = new kms.Key(stack, 'SourceKey');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source, { encryptionKey: key })] },
      { stageName: 'Build', actions: [build(stack, source, [built])] },
      {
        stageName: 'Deploy',
        actions: [
          new actions.S3DeployAction({
            actionName: 'Site',
            bucket: new s3.Bucket(stack, 'Site'),
            input: built,
            accessControl: s3.BucketAccessControl.BUCKET_OWNER_FULL_CONTROL,
          }),
        ],
      },
    ],
  });
});

app('codecommit-clone', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  const repository = new codecommit.Repository(stack, 'Repository', { repositoryName: 'sample' });
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    stages: [
      {
        stageName: 'Source',
        actions: [
          new actions.CodeCommitSourceAction({
            actionName: 'Source',
            repository,
            branch: 'main',
            output: source,
            codeBuildCloneOutput: true,
          }),
        ],
      },
      { stageName: 'Build', actions: [build(stack, source, [])] },
    ],
  });
});

app('connection-clone', (it, stack, name) => {
  const [source, built] = [new codepipeline.Artifact('Source'), new codepipeline.Artifact('Built')];
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      {
        stageName: 'Source',
        actions: [connectionSource(source, { codeBuildCloneOutput: true })],
      },
      { stageName: 'Build', actions: [build(stack, source, [built])] },
    ],
  });
});

app('github-cloudformation', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  const template = source.atPath('template.yaml');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    stages: [
      {
        stageName: 'Source',
        actions: [
          new actions.GitHubSourceAction({
            actionName: 'Source',
            owner: 'example-org',
            repo: 'example-repo',
            branch: 'main',
            oauthToken: cdk.SecretValue.unsafePlainText('****'),
            trigger: actions.GitHubTrigger.POLL,
            output: source,
          }),
        ],
      },
      {
        stageName: 'Deploy',
        actions: [
          new actions.CloudFormationCreateReplaceChangeSetAction({
            actionName: 'Prepare',
            stackName: 'app',
            changeSetName: 'release',
            adminPermissions: true,
            templatePath: template,
            runOrder: 1,
          }),
          new actions.CloudFormationExecuteChangeSetAction({
            actionName: 'Execute',
            stackName: 'app',
            changeSetName: 'release',
            runOrder: 2,
          }),
          new actions.CloudFormationCreateUpdateStackAction({
            actionName: 'Update',
            stackName: 'extra',
            adminPermissions: false,
            templatePath: template,
            output: new codepipeline.Artifact('Outputs'),
            outputFileName: 'outputs.json',
            runOrder: 3,
          }),
          new actions.CloudFormationCreateUpdateStackAction({
            actionName: 'Replace',
            stackName: 'scratch',
            adminPermissions: false,
            replaceOnFailure: true,
            templatePath: template,
            parameterOverrides: {
              Bucket: source.s3Location.bucketName,
              Key: source.s3Location.objectKey,
            },
            runOrder: 4,
          }),
          new actions.CloudFormationDeleteStackAction({
            actionName: 'Delete',
            stackName: 'old',
            adminPermissions: false,
            runOrder: 5,
          }),
        ],
      },
    ],
  });
});

app('cross-account-cloudformation', (it, stack, name) => {
  const [source, built] = [new codepipeline.Artifact('Source'), new codepipeline.Artifact('Built')];
  const key = new kms.Key(stack, 'Key');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      { stageName: 'Source', actions: [connectionSource(source)] },
      { stageName: 'Build', actions: [build(stack, source, [built])] },
      {
        stageName: 'Deploy',
        actions: [
          new actions.CloudFormationCreateReplaceChangeSetAction({
            actionName: 'Prepare',
            stackName: 'app',
            changeSetName: 'release',
            adminPermissions: true,
            templatePath: built.atPath('template.yaml'),
            account: TARGET.account,
            runOrder: 1,
          }),
          new actions.CloudFormationExecuteChangeSetAction({
            actionName: 'Execute',
            stackName: 'app',
            changeSetName: 'release',
            account: TARGET.account,
            runOrder: 2,
          }),
        ],
      },
    ],
  });
  key.addAlias('unused');
});

app('cross-account-codecommit', (it, stack, name) => {
  const elsewhere = new cdk.Stack(it, `${name}-source`, { env: SOURCE });
  const repository = new codecommit.Repository(elsewhere, 'Repository', { repositoryName: 'sample' });
  const source = new codepipeline.Artifact('Source');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      {
        stageName: 'Source',
        actions: [
          new actions.CodeCommitSourceAction({
            actionName: 'Source',
            repository,
            branch: 'main',
            output: source,
            trigger: actions.CodeCommitTrigger.POLL,
          }),
        ],
      },
      { stageName: 'Build', actions: [build(stack, source, [])] },
    ],
  });
});

app('codedeploy', (it, stack, name) => {
  const [source] = [new codepipeline.Artifact('Source')];
  const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 0 });
  const cluster = new ecs.Cluster(stack, 'Cluster', { vpc });
  const task = new ecs.FargateTaskDefinition(stack, 'Task');
  task.addContainer('web', { image: ecs.ContainerImage.fromRegistry('public.ecr.aws/nginx/nginx') });
  const service = new ecs.FargateService(stack, 'Service', {
    cluster,
    taskDefinition: task,
    deploymentController: { type: ecs.DeploymentControllerType.CODE_DEPLOY },
  });
  const balancer = new elb.ApplicationLoadBalancer(stack, 'Balancer', { vpc });
  const groups = ['Blue', 'Green'].map(
    (id) => new elb.ApplicationTargetGroup(stack, id, { vpc, port: 80, targetType: elb.TargetType.IP }),
  );
  const listener = balancer.addListener('Listener', { port: 80, defaultTargetGroups: [groups[0]] });
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source)] },
      {
        stageName: 'Deploy',
        actions: [
          new actions.CodeDeployServerDeployAction({
            actionName: 'Servers',
            input: source,
            deploymentGroup: new codedeploy.ServerDeploymentGroup(stack, 'Servers', {
              deploymentConfig: codedeploy.ServerDeploymentConfig.ONE_AT_A_TIME,
            }),
          }),
          new actions.CodeDeployEcsDeployAction({
            actionName: 'Containers',
            taskDefinitionTemplateInput: source,
            appSpecTemplateInput: source,
            deploymentGroup: new codedeploy.EcsDeploymentGroup(stack, 'Containers', {
              service,
              blueGreenDeploymentConfig: {
                blueTargetGroup: groups[0],
                greenTargetGroup: groups[1],
                listener,
              },
            }),
          }),
        ],
      },
    ],
  });
});

app('ecr-ecs', (it, stack, name) => {
  const [source, images] = [new codepipeline.Artifact('Image'), new codepipeline.Artifact('Images')];
  const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 0 });
  const cluster = new ecs.Cluster(stack, 'Cluster', { vpc });
  const task = new ecs.FargateTaskDefinition(stack, 'Task');
  const repository = new ecr.Repository(stack, 'Repository');
  task.addContainer('web', { image: ecs.ContainerImage.fromEcrRepository(repository) });
  const service = new ecs.FargateService(stack, 'Service', { cluster, taskDefinition: task });
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    stages: [
      {
        stageName: 'Source',
        actions: [
          new actions.EcrSourceAction({ actionName: 'Image', repository, imageTag: 'live', output: source }),
        ],
      },
      { stageName: 'Build', actions: [build(stack, source, [images])] },
      {
        stageName: 'Deploy',
        actions: [new actions.EcsDeployAction({ actionName: 'Service', service, input: images })],
      },
    ],
  });
});

app('invoke-approve', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    pipelineType: codepipeline.PipelineType.V2,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source)] },
      {
        stageName: 'Approve',
        actions: [
          new actions.ManualApprovalAction({
            actionName: 'Approve',
            notificationTopic: new sns.Topic(stack, 'Topic'),
          }),
        ],
      },
      {
        stageName: 'Invoke',
        actions: [
          new actions.LambdaInvokeAction({
            actionName: 'Function',
            inputs: [source],
            lambda: new lambda.Function(stack, 'Function', {
              runtime: lambda.Runtime.PYTHON_3_12,
              handler: 'index.handler',
              code: lambda.Code.fromInline('def handler(event, context): pass'),
            }),
          }),
          new actions.StepFunctionInvokeAction({
            actionName: 'Machine',
            executionNamePrefix: 'release',
            stateMachine: new sfn.StateMachine(stack, 'Machine', {
              definitionBody: sfn.DefinitionBody.fromChainable(new sfn.Pass(stack, 'Pass')),
            }),
          }),
          new actions.PipelineInvokeAction({
            actionName: 'Next',
            targetPipeline: codepipeline.Pipeline.fromPipelineArn(
              stack, 'NextPipeline', 'arn:aws:codepipeline:us-east-1:111111111111:next'),
          }),
        ],
      },
    ],
  });
});

app('self-mutating', (it, stack, name) => {
  const pipeline = new pipelines.CodePipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    synth: new pipelines.ShellStep('Synth', {
      input: pipelines.CodePipelineSource.connection('example-org/example-repo', 'main', {
        connectionArn: CONNECTION,
      }),
      commands: ['npm ci', 'npx cdk synth'],
    }),
  });
  const stage = (id, env) => {
    const it = new cdk.Stage(stack, id, { env });
    new sns.Topic(new cdk.Stack(it, 'App'), 'Topic');
    return it;
  };
  pipeline.addStage(stage('Staging', HOME), {
    post: [new pipelines.ManualApprovalStep('Promote')],
  });
  pipeline.addStage(stage('Production', TARGET));
});

app('cross-region', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source)] },
      {
        stageName: 'Deploy',
        actions: [
          new actions.CloudFormationCreateUpdateStackAction({
            actionName: 'Home',
            stackName: 'app',
            adminPermissions: false,
            templatePath: source.atPath('template.yaml'),
          }),
          new actions.CloudFormationCreateUpdateStackAction({
            actionName: 'West',
            stackName: 'app',
            adminPermissions: false,
            region: WEST.region,
            templatePath: source.atPath('template.yaml'),
          }),
        ],
      },
    ],
  });
});

app('managed-compute', (it, stack, name) => {
  const [source, built] = [new codepipeline.Artifact('Source'), new codepipeline.Artifact('Built', ['out.txt'])];
  const repository = new ecr.Repository(stack, 'Repository', { repositoryName: 'web' });
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    pipelineType: codepipeline.PipelineType.V2,
    stages: [
      { stageName: 'Source', actions: [connectionSource(source)] },
      {
        stageName: 'Build',
        actions: [
          new actions.CommandsAction({ actionName: 'Commands', input: source, output: built, commands: ['make'] }),
          new actions.EcrBuildAndPublishAction({
            actionName: 'Publish',
            input: source,
            repositoryName: 'web',
            imageTags: ['latest'],
          }),
        ],
      },
      {
        stageName: 'Scan',
        actions: [
          new actions.InspectorEcrImageScanAction({
            actionName: 'Image',
            repository,
            imageTag: 'latest',
            output: new codepipeline.Artifact('Scan'),
          }),
          new actions.InspectorSourceCodeScanAction({
            actionName: 'Code',
            input: source,
            output: new codepipeline.Artifact('CodeScan'),
          }),
        ],
      },
      {
        stageName: 'Deploy',
        actions: [
          new actions.Ec2DeployAction({
            actionName: 'Instances',
            input: built,
            instanceType: actions.Ec2InstanceType.EC2,
            instanceTagKey: 'Name',
            instanceTagValue: 'web',
            deploySpecifications: actions.Ec2DeploySpecifications.inline({
              targetDirectory: '/srv/web',
              postScript: 'restart.sh',
            }),
          }),
        ],
      },
    ],
  });
});

app('stack-sets', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source)] },
      {
        stageName: 'Deploy',
        actions: [
          new actions.CloudFormationDeployStackSetAction({
            actionName: 'Set',
            stackSetName: 'baseline',
            template: actions.StackSetTemplate.fromArtifactPath(source.atPath('template.yaml')),
            stackInstances: actions.StackInstances.inAccounts([TARGET.account], ['us-east-1']),
            deploymentModel: actions.StackSetDeploymentModel.selfManaged({
              administrationRole: new iam.Role(stack, 'Administration', {
                assumedBy: new iam.ServicePrincipal('cloudformation.amazonaws.com'),
              }),
            }),
            runOrder: 1,
          }),
          new actions.CloudFormationDeployStackInstancesAction({
            actionName: 'Instances',
            stackSetName: 'baseline',
            stackInstances: actions.StackInstances.inAccounts([SOURCE.account], ['us-east-1']),
            runOrder: 2,
          }),
        ],
      },
    ],
  });
});

app('batch-build-in-vpc', (it, stack, name) => {
  const source = new codepipeline.Artifact('Source');
  const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 1 });
  const project = new codebuild.PipelineProject(stack, 'Project', {
    vpc,
    environmentVariables: {
      TOKEN: {
        type: codebuild.BuildEnvironmentVariableType.SECRETS_MANAGER,
        value: new secretsmanager.Secret(stack, 'Secret').secretArn,
      },
    },
  });
  new codepipeline.Pipeline(stack, 'Pipeline', {
    pipelineName: name,
    crossAccountKeys: true,
    stages: [
      { stageName: 'Source', actions: [s3Source(stack, source)] },
      {
        stageName: 'Build',
        actions: [
          new actions.CodeBuildAction({
            actionName: 'Batch',
            project,
            input: source,
            executeBatchBuild: true,
            outputs: [new codepipeline.Artifact('Built')],
          }),
        ],
      },
    ],
  });
});

const wanted = process.argv.slice(2);
for (const [name, synthesise] of Object.entries(apps)) {
  if (wanted.length === 0 || wanted.includes(name)) {
    synthesise();
  }
}
