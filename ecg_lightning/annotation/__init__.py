"""From a recording to annotated beats: find them, classify them, write them.

The way of a sample from `annotate()` to a beat. What is named without a folder lies here:

1. `annotator` opens the recording; `records.used_leads` chooses the leads. With `beats=`,
   `finding.stated_beats` takes the positions from the recording's annotations, and nothing is
   searched.
2. `recording_work` reads pieces of these leads. The first reading measures what leads are scaled
   by: `FirstPass` of `finding.detector_input` for the detector, `LeadScan` of `scales` for the
   classifier. A causal result and a `stream` have no such reading: `DetectorScales` and
   `RunningScale`, in the same modules, measure the past.
3. `engine` puts pieces into a `finding.signal_buffer`, and works on a block as soon as it is
   complete. From here on a `stream` takes the same way.
4. `finding`: `beat_finder` finds the beats of the block. `usable` says where leads are dead,
   `detector_input` resamples and filters them for the network of `models.beat_detector`,
   `signals.beat_picker` picks the beats, and `signals.r_peaks` moves each to its R peak.
5. `classifying`: there are two kinds of weights; `classifiers` loads both, from what
   `weights_file` reads.

   - `beat_network`: each beat by itself. `windows` cuts and scales the window of each beat, and
     `classification` runs the network on the windows of a block.
   - `context_network`: beats beside their patient's usual beat and rhythm. `context_windows` cuts
     two leads, and `context_classification` collects a stretch of half an hour before it runs the
     network; or, causal, takes each beat with those before it.

   `known_beats` tells how the beats of a training were prepared; `fit`, `test` and `export` use it
   too.
6. Both give `FoundBeats`.
7. `notes` says what a user has to know, and `annotations` holds it all.

`output` writes `Annotations`: `files` names the files, `own_files` says what may be replaced,
`file_contents` makes tables and WFDB annotations, and `page_of` makes the page from
`worth_a_look` and `quiet`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
