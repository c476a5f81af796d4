"""`ecg-lightning show PATH`: a strip of any recording. It needs neither torch nor Lightning."""

from argparse import Namespace
from collections.abc import Sequence

from ecg_lightning.classes import AAMI, NO_BEAT
from ecg_lightning.cli.flag_values import flag_values
from ecg_lightning.cli.flags import all_flags
from ecg_lightning.cli.pictures import (
    Picture,
    in_file_name,
    picture_format,
    seconds_text,
    write_picture,
)
from ecg_lightning.cli.recording_arguments import FLAGS, options_of
from ecg_lightning.cli.show.annotations import (
    annotation_facts,
    annotation_file,
    with_annotations,
)
from ecg_lightning.cli.show.predictions import with_predictions
from ecg_lightning.cli.show.strip_arguments import (
    MOST_LEADS,
    add_path_arguments,
    add_strip_arguments,
    limits_of,
)
from ecg_lightning.cli.verb_parser import VerbParser
from ecg_lightning.errors import InputError
from ecg_lightning.figures.strip import strip_figure
from ecg_lightning.records.formats import check_options, read_recording
from ecg_lightning.records.leads import wanted_leads
from ecg_lightning.records.notes import RecordNote, warn_of
from ecg_lightning.records.recording import ReadOptions, Recording, used_lead
from ecg_lightning.records.strips import Strip, strip_of
from ecg_lightning.system.paths import expanded
from ecg_lightning.text import counted, escaped

ALL = "all"


def show_recording(args: Sequence[str]) -> None:
    """`ecg-lightning show PATH [arguments]`."""
    _check_flags(args)
    parsed = recording_parser().parse_args(args)
    if parsed.lead is not None and parsed.leads is not None:
        raise InputError("--lead and --leads exclude each other; remove one of them")
    _check_second_annotations(parsed)
    inputs = [expanded(parsed.path), *([parsed.predictions] if parsed.predictions else [])]
    picture_format(parsed.output, inputs)
    try:
        recording = read_recording(parsed.path, **options_of(parsed))
        leads = None if parsed.leads is None else leads_of(recording, parsed.leads)
        strip = strip_of(recording, *limits_of(parsed), leads)
        _check_annotator(recording, args)
        warn_of(_notes(recording))
    except InputError as error:
        raise _with_flag(error) from error
    write_picture(_picture(recording, strip, parsed), parsed.output)


def recording_parser() -> VerbParser:
    """Return the parser of a path with its arguments."""
    parser = VerbParser("show")
    add_path_arguments(parser)
    add_strip_arguments(parser)
    return parser


def leads_of(recording: Recording, wanted: str) -> list[int]:
    """Return the indices of several leads.

    Args:
        recording: The recording.
        wanted: `all`, or names and indices separated by commas.

    Raises:
        InputError: The recording has no such lead, or they are too many for a page.
    """
    names = [lead.name for lead in recording.leads]
    items = range(len(names)) if wanted == ALL else wanted_leads(names, wanted)
    try:
        indices = [used_lead(recording.name, recording.leads, item) for item in items]
    except InputError as error:
        raise _with_flag(error, {"lead": "--leads"}) from error
    leads = list(dict.fromkeys(indices))
    if not 1 <= len(leads) <= MOST_LEADS:
        raise InputError(
            f"recording {recording.name}",
            expected=f"1 to {MOST_LEADS} leads on a page",
            found=str(len(leads)),
            hint="name some leads",
            setting="--leads",
        )
    return leads


def _check_flags(args: Sequence[str]) -> None:
    """Refuse arguments of the other forms, which would be ignored."""
    own = {option for action in recording_parser()._actions for option in action.option_strings}
    known = {"--data", *(flag.name for flag in all_flags()["show"])} - own
    for flag, _ in flag_values(args):
        if flag in known:
            raise InputError(
                f"{flag} does not belong to the path of a recording; remove it, or the path"
            )


def _check_second_annotations(parsed: Namespace) -> None:
    """Refuse arguments that would be ignored, and an annotator that is no ending of a file."""
    if parsed.annotations is None:
        if parsed.annotations_root is not None:
            raise InputError("--annotations-root needs --annotations; add it")
        return
    if parsed.predictions is not None:
        raise InputError("--predictions and --annotations exclude each other; remove one of them")
    try:
        check_options(ReadOptions(annotator=parsed.annotations))
    except InputError as error:
        raise _with_flag(error, {"annotator": "--annotations"}) from error


def _check_annotator(recording: Recording, args: Sequence[str]) -> None:
    """Refuse an annotator that the user names and the recording does not have."""
    named = [value for flag, value in flag_values(args) if flag == "--annotator"]
    if named and recording.annotations is None:
        raise InputError(
            f"recording {recording.name}",
            expected=f"annotations of the annotator {escaped(named[-1])}",
            found="none",
            hint="choose another annotator, or name none",
            setting="annotator",
        )


def _notes(recording: Recording) -> list[RecordNote]:
    annotations = recording.annotations
    dropped = () if annotations is None else annotations.notes
    return [*recording.notes, *(RecordNote(recording.name, "dropped", text) for text in dropped)]


def _picture(recording: Recording, strip: Strip, parsed: Namespace) -> Picture:
    facts = [_counted_annotations(recording, strip)]
    predicted, unusable_s, source = None, list[tuple[float, float]](), ""
    if parsed.predictions is not None:
        strip, predicted, labelled = with_predictions(recording, strip, parsed.predictions)
        n_different = counted(sum(predicted.differ), "difference")
        facts += [counted(len(predicted.names), "predicted beat")]
        facts += [n_different if labelled else "no true classes"]
    if parsed.annotations is not None:
        file = annotation_file(recording, parsed.annotations, parsed.annotations_root)
        try:
            strip, predicted, unusable_s, source = with_annotations(recording, strip, file)
        except InputError as error:
            raise _with_flag(error, {"annotator": "--annotations"}) from error
        facts += annotation_facts(strip, predicted, parsed.annotations)
    leads = ", ".join(escaped(trace.lead, 40) for trace in strip.traces)
    start, end = (seconds_text(at_s) for at_s in strip.limits_s)
    description = (
        f"record {escaped(strip.name)}, lead{'s' * (len(strip.traces) > 1)} {leads}, "
        f"{start} to {end} s: {', '.join(facts)}"
    )
    name = f"strip-{in_file_name(strip.name)}-{start}s"
    return Picture(strip_figure(strip, AAMI, predicted, unusable_s, source), name, description)


def _counted_annotations(recording: Recording, strip: Strip) -> str:
    if recording.annotations is None:
        return "no annotations"
    labels = AAMI.labels(strip.annotation_symbols)
    return counted(int((labels != NO_BEAT).sum()), "annotated beat")


def _with_flag(error: InputError, flags: dict[str, str] = FLAGS) -> InputError:
    """The error, with the flag of this form instead of that of a source."""
    return error.with_setting(flags.get(error.setting, error.setting))
