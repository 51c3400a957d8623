//! The steps of a Task as Tekton's admission looks at them: merged with the `stepTemplate`, text by text.

use std::ops::Range;

use k8s_openapi::api::core::v1::{EnvVar, VolumeMount};

use crate::check::{Cx, TaskView};
use crate::finding::Place;
use crate::v1::{Step, StepActionSpec};

/// A step with what it takes from the `stepTemplate`.
pub(super) struct StepView<'a> {
    pub(super) step: &'a Step,
    pub(super) place: Place<'a>,
    /// Its texts, in the order of the fields below.
    pub(super) texts: Vec<FieldText<'a>>,
}

/// A text of a step.
#[derive(Clone, Copy)]
pub(super) struct FieldText<'a> {
    pub(super) field: Field,
    pub(super) text: &'a str,
    pub(super) place: Place<'a>,
}

/// The field of a step that a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Image,
    ImagePullPolicy,
    WorkingDir,
    Script,
    Command,
    Args,
    Env,
    EnvFrom,
    MountName,
    MountPath,
    MountSubPath,
    Device,
    OnError,
}

/// Every step of every Task in a document.
pub(super) fn steps<'a>(cx: &Cx<'a>) -> Vec<StepView<'a>> {
    cx.tasks().flat_map(steps_of).collect()
}

/// The steps of a Task.
pub(super) fn steps_of(view: TaskView<'_>) -> Vec<StepView<'_>> {
    let place = view.place.key("steps");
    let steps = view.spec.steps.iter().enumerate();
    steps
        .map(|(index, step)| StepView { step, place: place.index(index), texts: texts(view, step, place.index(index)) })
        .collect()
}

impl<'a> FieldText<'a> {
    /// Where a part of the text is.
    pub(super) fn part(self, range: Range<usize>) -> Place<'a> {
        self.place.within(self.text, range)
    }
}

impl StepView<'_> {
    /// Whether it has something for this field, of its own or from the template.
    pub(super) fn has(&self, field: Field) -> bool {
        self.texts.iter().any(|text| text.field == field && !text.text.is_empty())
    }
}

fn texts<'a>(view: TaskView<'a>, step: &'a Step, place: Place<'a>) -> Vec<FieldText<'a>> {
    // What is a StepAction takes nothing from the template.
    let template = view.spec.step_template.as_ref().filter(|_| step.ref_.is_none());
    let above = view.place.key("stepTemplate");
    let mut texts = Texts::default();
    texts.one(Field::Name, &step.name, place.key("name"));
    texts.inherited(Field::Image, &step.image, place, template.map(|template| &template.image), above, "image");
    let policy = template.map(|template| &template.image_pull_policy);
    texts.inherited(Field::ImagePullPolicy, &step.image_pull_policy, place, policy, above, "imagePullPolicy");
    let directory = template.map(|template| &template.working_dir);
    texts.inherited(Field::WorkingDir, &step.working_dir, place, directory, above, "workingDir");
    texts.one(Field::Script, &step.script, place.key("script"));
    match template.filter(|_| step.command.is_empty()) {
        Some(template) => texts.list(Field::Command, &template.command, above.key("command")),
        None => texts.list(Field::Command, &step.command, place.key("command")),
    }
    match template.filter(|_| step.args.is_empty()) {
        Some(template) => texts.list(Field::Args, &template.args, above.key("args")),
        None => texts.list(Field::Args, &step.args, place.key("args")),
    }
    texts.env(&step.env, place.key("env"), |_| true);
    texts.mounts(&step.volume_mounts, place.key("volumeMounts"), |_| true);
    let inherited = template.map(|template| (&template.env_from, above)).filter(|_| step.env_from.is_empty());
    let (sources, from) = inherited.unwrap_or((&step.env_from, place));
    for (index, source) in sources.iter().enumerate() {
        let place = from.key("envFrom").index(index);
        texts.one(Field::EnvFrom, &source.prefix, place.key("prefix"));
        let config_map = source.config_map_ref.as_ref().map(|reference| &reference.name);
        let secret = source.secret_ref.as_ref().map(|reference| &reference.name);
        texts.all.extend(config_map.map(|text| FieldText {
            field: Field::EnvFrom,
            text,
            place: place.key("configMapRef").key("name"),
        }));
        texts.all.extend(secret.map(|text| FieldText { field: Field::EnvFrom, text, place: place.key("secretRef").key("name") }));
    }
    for (index, device) in step.volume_devices.iter().enumerate() {
        let place = place.key("volumeDevices").index(index);
        texts.all.push(FieldText { field: Field::Device, text: &device.name, place: place.key("name") });
        texts.all.push(FieldText { field: Field::Device, text: &device.device_path, place: place.key("devicePath") });
    }
    texts.one(Field::OnError, &step.on_error, place.key("onError"));
    if let Some(template) = template {
        texts.env(&template.env, above.key("env"), |env| step.env.iter().all(|own| own.name != env.name));
        let mounts = above.key("volumeMounts");
        let own = |mount: &VolumeMount| step.volume_mounts.iter().find(|own| own.mount_path == mount.mount_path);
        texts.mounts(&template.volume_mounts, mounts, |mount| own(mount).is_none());
        // Of two mounts at one path, the step's comes first, field by field.
        for (index, mount) in template.volume_mounts.iter().enumerate() {
            if own(mount).is_some_and(|own| own.sub_path.as_deref().unwrap_or_default().is_empty()) {
                texts.one(Field::MountSubPath, &mount.sub_path, mounts.index(index).key("subPath"));
            }
        }
    }
    texts.all
}

/// The texts of a StepAction in which Tekton's admission looks for variables.
pub(super) fn texts_of_action<'a>(spec: &'a StepActionSpec, place: Place<'a>) -> Vec<FieldText<'a>> {
    let mut texts = Texts::default();
    texts.one(Field::Image, &spec.image, place.key("image"));
    texts.one(Field::Script, &spec.script, place.key("script"));
    texts.list(Field::Command, &spec.command, place.key("command"));
    texts.list(Field::Args, &spec.args, place.key("args"));
    texts.env(&spec.env, place.key("env"), |_| true);
    texts.mounts(&spec.volume_mounts, place.key("volumeMounts"), |_| true);
    texts.all.retain(|text| !matches!(text.field, Field::MountPath | Field::MountSubPath));
    texts.all
}

#[derive(Default)]
struct Texts<'a> {
    all: Vec<FieldText<'a>>,
}

impl<'a> Texts<'a> {
    fn one(&mut self, field: Field, text: &'a Option<String>, place: Place<'a>) {
        self.all.extend(text.as_deref().map(|text| FieldText { field, text, place }));
    }

    fn inherited(
        &mut self,
        field: Field,
        own: &'a Option<String>,
        place: Place<'a>,
        inherited: Option<&'a Option<String>>,
        above: Place<'a>,
        key: &str,
    ) {
        match inherited.filter(|_| own.as_deref().unwrap_or_default().is_empty()) {
            Some(inherited) => self.one(field, inherited, above.key(key)),
            None => self.one(field, own, place.key(key)),
        }
    }

    fn list(&mut self, field: Field, list: &'a [String], place: Place<'a>) {
        self.all.extend(list.iter().enumerate().map(|(index, text)| FieldText { field, text, place: place.index(index) }));
    }

    fn env(&mut self, env: &'a [EnvVar], place: Place<'a>, keep: impl Fn(&EnvVar) -> bool) {
        for (index, variable) in env.iter().enumerate().filter(|(_, variable)| keep(variable)) {
            self.one(Field::Env, &variable.value, place.index(index).key("value"));
        }
    }

    fn mounts(&mut self, mounts: &'a [VolumeMount], place: Place<'a>, keep: impl Fn(&VolumeMount) -> bool) {
        for (index, mount) in mounts.iter().enumerate().filter(|(_, mount)| keep(mount)) {
            let place = place.index(index);
            self.all.push(FieldText { field: Field::MountName, text: &mount.name, place: place.key("name") });
            self.all.push(FieldText { field: Field::MountPath, text: &mount.mount_path, place: place.key("mountPath") });
            self.one(Field::MountSubPath, &mount.sub_path, place.key("subPath"));
        }
    }
}
