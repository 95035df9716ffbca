//! Why a rollout failed: the reasons of stopped tasks, their last log lines, and what the service said.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, DesiredStatus, LogDriver, TaskStopCode};

use super::deployment::primary;

/// Stopped tasks that are looked at; ECS remembers them for an hour.
const TASKS: i32 = 50;
/// Reasons that are told, the newest first.
const REASONS: usize = 3;
/// Log lines that are told.
const LINES: i32 = 10;
/// What the service said that is told, the newest first.
const EVENTS: usize = 3;

/// Everything that is to be found, in several lines; `None` when nothing is. What cannot be asked is left out:
/// the failure itself is told anyway.
pub async fn explain(client: &Client, logs: &Logs, region: &str, service: &sdk::Service) -> Option<String> {
    let stopped = stopped_tasks(client, service).await.unwrap_or_default();
    let mut lines = reasons(&stopped);
    // One whose image could not be pulled has written nothing; another may have.
    for task in stopped.iter().take(REASONS) {
        let output = last_output(client, logs, region, task).await.unwrap_or_default();
        if !output.is_empty() {
            lines.extend(output);
            break;
        }
    }
    lines.extend(events(service));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The tasks that failed, the newest first: not those that ECS stopped because they were too many.
async fn stopped_tasks(client: &Client, service: &sdk::Service) -> Option<Vec<sdk::Task>> {
    let listed = client
        .list_tasks()
        .set_cluster(service.cluster_arn.clone())
        .set_service_name(service.service_name.clone())
        .desired_status(DesiredStatus::Stopped)
        .max_results(TASKS)
        .send()
        .await
        .ok()?;
    let arns = listed.task_arns.filter(|arns| !arns.is_empty())?;
    let described = client
        .describe_tasks()
        .set_cluster(service.cluster_arn.clone())
        .set_tasks(Some(arns))
        .send()
        .await
        .ok()?;
    let mut tasks = described.tasks.unwrap_or_default();
    tasks.retain(is_failure);
    // Those of the rollout in question first; after a rollback they belong to a deployment that is gone.
    let primary = primary(service).and_then(|primary| primary.id());
    let failed_too = |task: &sdk::Task| task.started_by() == primary;
    let stopped_at = |task: &sdk::Task| {
        let at = task.stopped_at().or(task.stopping_at()).or(task.created_at());
        at.map(|at| (at.secs(), at.subsec_nanos()))
    };
    tasks.sort_by_key(|task| std::cmp::Reverse((stopped_at(task), failed_too(task))));
    Some(tasks)
}

/// Whether a task stopped for a reason that says something of the rollout. A task that failed the load balancer's health
/// checks is stopped by the scheduler, as one is that is too many; only the reason tells them apart.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
fn is_failure(task: &sdk::Task) -> bool {
    match task.stop_code() {
        Some(TaskStopCode::UserInitiated) => false,
        Some(TaskStopCode::ServiceSchedulerInitiated) => task
            .stopped_reason()
            .is_some_and(|reason| !reason.starts_with("Scaling activity")),
        _ => true,
    }
}

/// Each reason once, with how many tasks stopped for it.
fn reasons(tasks: &[sdk::Task]) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        let reason = reason(task);
        let count = counts.entry(reason.clone()).or_default();
        if *count == 0 {
            order.push(reason);
        }
        *count += 1;
    }
    order
        .into_iter()
        .take(REASONS)
        .map(|reason| match counts.get(&reason) {
            Some(1) | None => format!("a task stopped: {reason}"),
            Some(count) => format!("{count} tasks stopped: {reason}"),
        })
        .collect()
}

/// `Essential container in task exited (app: exit code 1, OutOfMemoryError: …)`.
fn reason(task: &sdk::Task) -> String {
    let containers: Vec<String> = task
        .containers()
        .iter()
        .filter_map(|container| {
            let code = container.exit_code().map(|code| format!("exit code {code}"));
            let said = container.reason().map(str::to_owned);
            let parts: Vec<String> = code.into_iter().chain(said).collect();
            let name = container.name().unwrap_or("a container");
            (!parts.is_empty()).then(|| format!("{name}: {}", parts.join(", ")))
        })
        .collect();
    let reason = task.stopped_reason().unwrap_or("no reason given");
    if containers.is_empty() {
        return reason.to_owned();
    }
    format!("{reason} ({})", containers.join("; "))
}

/// The last lines that the task's containers wrote to CloudWatch. Streams are named
/// `PREFIX/CONTAINER/TASK` by the log driver.
async fn last_output(client: &Client, logs: &Logs, region: &str, task: &sdk::Task) -> Option<Vec<String>> {
    let described = client
        .describe_task_definition()
        .task_definition(task.task_definition_arn()?)
        .send()
        .await
        .ok()?;
    let id = task.task_arn()?.rsplit('/').next()?.to_owned();
    let mut lines = Vec::new();
    for container in described.task_definition?.container_definitions() {
        let Some((group, stream)) = stream_of(container, region, &id) else {
            continue;
        };
        let answer = logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .limit(LINES)
            .start_from_head(false)
            .send()
            .await;
        // No stream: the container never wrote anything, or never started.
        let Ok(answer) = answer else {
            continue;
        };
        let written: Vec<String> = answer
            .events()
            .iter()
            .filter_map(|event| event.message())
            .flat_map(lines_of)
            .collect();
        if !written.is_empty() {
            lines.push(format!(
                "the last lines of {} in task {id}:",
                container.name().unwrap_or("a container")
            ));
            lines.extend(written);
        }
    }
    Some(lines)
}

/// What a container wrote at once, which may be several lines.
fn lines_of(message: &str) -> impl Iterator<Item = String> {
    message.trim_end().lines().map(|line| format!("  {line}"))
}

/// Log group and stream of a container, when its output goes to CloudWatch in our region.
fn stream_of(container: &sdk::ContainerDefinition, region: &str, task_id: &str) -> Option<(String, String)> {
    let config = container.log_configuration()?;
    let options = config
        .options()
        .filter(|_| config.log_driver() == &LogDriver::Awslogs)?;
    let is_here = options.get("awslogs-region").is_none_or(|other| other == region);
    let group = options.get("awslogs-group").filter(|_| is_here)?;
    let prefix = options.get("awslogs-stream-prefix")?;
    let name = container.name()?;
    Some((group.clone(), format!("{prefix}/{name}/{task_id}")))
}

fn events(service: &sdk::Service) -> Vec<String> {
    let mut events: Vec<&sdk::ServiceEvent> = service.events().iter().collect();
    let at = |event: &sdk::ServiceEvent| event.created_at().map(|at| (at.secs(), at.subsec_nanos()));
    events.sort_by_key(|event| std::cmp::Reverse(at(event)));
    events
        .into_iter()
        .filter_map(|event| event.message())
        .take(EVENTS)
        .map(|message| format!("the service said: {message}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_reasons_are_told_once_and_counted() {
        let task = |exit_code: i32| {
            let container = sdk::Container::builder().name("app").exit_code(exit_code).build();
            sdk::Task::builder()
                .stopped_reason("Essential container in task exited")
                .containers(container)
                .build()
        };
        let unpulled = sdk::Task::builder()
            .stopped_reason("CannotPullContainerError: not found")
            .build();
        assert_eq!(
            reasons(&[task(1), unpulled, task(1)]),
            [
                "2 tasks stopped: Essential container in task exited (app: exit code 1)",
                "a task stopped: CannotPullContainerError: not found",
            ]
        );
    }

    #[test]
    fn a_task_that_was_too_many_has_not_failed() {
        for (code, reason, failed) in [
            (
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/1)",
                false,
            ),
            (
                "ServiceSchedulerInitiated",
                "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x)",
                true,
            ),
            (
                "ServiceSchedulerInitiated",
                "Task failed container health checks",
                true,
            ),
            ("UserInitiated", "Task stopped by user", false),
            (
                "EssentialContainerExited",
                "Essential container in task exited",
                true,
            ),
            ("TaskFailedToStart", "CannotPullContainerError: not found", true),
        ] {
            let task = sdk::Task::builder()
                .stop_code(code.into())
                .stopped_reason(reason)
                .build();
            assert_eq!(is_failure(&task), failed, "{code}: {reason}");
        }
    }

    #[test]
    fn what_was_written_at_once_is_told_line_by_line() {
        let lines: Vec<String> = lines_of("Traceback:\r\n  File \"app.py\"\nKeyError: 'A'\n").collect();
        assert_eq!(lines, ["  Traceback:", "    File \"app.py\"", "  KeyError: 'A'"]);
    }

    #[test]
    fn the_stream_of_a_container_follows_from_its_log_driver() {
        let container = |region: &str| {
            let config = sdk::LogConfiguration::builder()
                .log_driver(LogDriver::Awslogs)
                .options("awslogs-group", "/ecs/app")
                .options("awslogs-region", region)
                .options("awslogs-stream-prefix", "ecs")
                .build();
            sdk::ContainerDefinition::builder()
                .name("app")
                .log_configuration(config.unwrap())
                .build()
        };
        assert_eq!(
            stream_of(&container("us-east-1"), "us-east-1", "0123"),
            Some(("/ecs/app".to_owned(), "ecs/app/0123".to_owned()))
        );
        assert_eq!(stream_of(&container("eu-west-1"), "us-east-1", "0123"), None);
    }
}
