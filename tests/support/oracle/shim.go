// Runs replicas of etcd/raft behind a pipe: one JSON command a line in, one JSON report a line out.
//
// A command acts on one replica; the report holds everything that replica did until it had nothing left to do: messages,
// entries written, hard state, entries committed, reads. Knows how to drive etcd/raft, and nothing about who compares.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

const electionTicks = 1000000 // Timeouts cannot be seeded, so they never come: elections are commands.

type command struct {
	Verb     string
	Replica  uint64
	Peer     uint64
	Index    uint64
	Ok       bool
	Inflight int
	OneEntry bool
	Payload  string
	Members  *members
	Change   *change
	Message  *message
}

type members struct {
	Voters, Outgoing, Learners, LearnersNext []uint64
	AutoLeave                                bool
}

type change struct {
	Transition int32
	Kinds      []int32
	Replicas   []uint64
}

type entry struct {
	Term, Index uint64
	Kind        string
	Payload     string
}

type snapshot struct {
	Index, Term uint64
	Members     members
}

type message struct {
	Kind                                     string
	Sender, Recipient                        uint64
	Term, LogTerm, Index, Commit, RejectHint uint64
	Reject                                   bool
	Context                                  string
	Entries                                  []entry
	Snapshot                                 *snapshot
	Data                                     []byte // The message itself, to be given back when it is delivered.
}

type read struct {
	Context string
	Index   uint64
}

type report struct {
	Error                      string
	Messages                   []message
	Written, Committed         []entry
	Reads                      []read
	Term, Vote, Commit, Leader uint64
	Role                       string
	Members                    members
}

// storage gives the applied state as its snapshot, whenever it is asked for one.
type storage struct {
	*raft.MemoryStorage
	applied   uint64
	confState pb.ConfState
}

func (s *storage) Snapshot() (pb.Snapshot, error) {
	term, err := s.Term(s.applied)
	if err != nil {
		return pb.Snapshot{}, err
	}
	metadata := pb.SnapshotMetadata{Index: s.applied, Term: term, ConfState: s.confState}
	return pb.Snapshot{Metadata: metadata, Data: []byte("state")}, nil
}

func (s *storage) InitialState() (pb.HardState, pb.ConfState, error) {
	hardState, _, err := s.MemoryStorage.InitialState()
	return hardState, s.confState, err
}

type replica struct {
	settings command
	disk     *storage
	node     *raft.RawNode
}

var replicas map[uint64]*replica

func main() {
	raft.SetLogger(&raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)})
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<26)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var asked command
		must(json.Unmarshal(input.Bytes(), &asked))
		must(output.Encode(run(&asked)))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func run(asked *command) *report {
	switch asked.Verb {
	case "reset":
		replicas = map[uint64]*replica{}
		return &report{}
	case "add":
		replicas[asked.Replica] = added(asked)
	}
	one := replicas[asked.Replica]
	result := &report{}
	if err := one.act(asked); err != nil {
		result.Error = err.Error()
	}
	one.work(result)
	return result
}

func added(asked *command) *replica {
	one := &replica{settings: *asked, disk: &storage{MemoryStorage: raft.NewMemoryStorage()}}
	if asked.Members != nil {
		// The beginning of a group: a snapshot at index 1 that all first members have.
		one.disk.confState = confStateOf(asked.Members)
		metadata := pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: one.disk.confState}
		must(one.disk.ApplySnapshot(pb.Snapshot{Metadata: metadata}))
		must(one.disk.SetHardState(pb.HardState{Term: 1, Commit: 1}))
		one.disk.applied = 1
	}
	one.start()
	return one
}

func (one *replica) start() {
	messageBytes := uint64(math.MaxUint64)
	if one.settings.OneEntry {
		messageBytes = 0
	}
	node, err := raft.NewRawNode(&raft.Config{
		ID: one.settings.Replica, ElectionTick: electionTicks, HeartbeatTick: 1, Storage: one.disk, Applied: one.disk.applied,
		MaxSizePerMsg: messageBytes, MaxCommittedSizePerReady: math.MaxUint64, MaxInflightMsgs: one.settings.Inflight,
		DisableProposalForwarding: true,
	})
	must(err)
	one.node = node
}

func (one *replica) act(asked *command) error {
	switch asked.Verb {
	case "add":
	case "restart":
		one.start()
	case "campaign":
		return one.node.Campaign()
	case "propose":
		return one.node.Propose([]byte(asked.Payload))
	case "change":
		return one.node.ProposeConfChange(confChangeOf(asked.Change))
	case "tick":
		one.node.Tick()
	case "transfer":
		one.node.TransferLeader(asked.Peer)
	case "read":
		one.node.ReadIndex([]byte(asked.Payload))
	case "unreachable":
		one.node.ReportUnreachable(asked.Peer)
	case "report_snapshot":
		status := raft.SnapshotFinish
		if !asked.Ok {
			status = raft.SnapshotFailure
		}
		one.node.ReportSnapshot(asked.Peer, status)
	case "compact":
		return one.disk.Compact(asked.Index - 1)
	case "step":
		var received pb.Message
		must(received.Unmarshal(asked.Message.Data))
		if err := one.node.Step(received); err != raft.ErrStepPeerNotFound {
			return err
		}
	default:
		panic("no such verb: " + asked.Verb)
	}
	return nil
}

// work does what the replica asks for until it asks for nothing more.
func (one *replica) work(result *report) {
	for one.node.HasReady() {
		ready := one.node.Ready()
		if !raft.IsEmptySnap(ready.Snapshot) {
			must(one.disk.ApplySnapshot(ready.Snapshot))
			one.disk.applied = ready.Snapshot.Metadata.Index
			one.disk.confState = ready.Snapshot.Metadata.ConfState
		}
		must(one.disk.Append(ready.Entries))
		if !raft.IsEmptyHardState(ready.HardState) {
			must(one.disk.SetHardState(ready.HardState))
		}
		result.Written = append(result.Written, entriesOf(ready.Entries)...)
		for _, sent := range ready.Messages {
			result.Messages = append(result.Messages, messageOf(&sent))
		}
		for _, committed := range ready.CommittedEntries {
			one.apply(&committed)
		}
		result.Committed = append(result.Committed, entriesOf(ready.CommittedEntries)...)
		for _, state := range ready.ReadStates {
			result.Reads = append(result.Reads, read{string(state.RequestCtx), state.Index})
		}
		one.node.Advance(ready)
	}
	status := one.node.BasicStatus()
	result.Term, result.Vote, result.Commit = status.Term, status.Vote, status.Commit
	result.Leader, result.Role = status.Lead, status.RaftState.String()
	result.Members = membersOf(one.disk.confState)
}

func (one *replica) apply(committed *pb.Entry) {
	if committed.Type == pb.EntryConfChangeV2 {
		var proposed pb.ConfChangeV2
		must(proposed.Unmarshal(committed.Data))
		one.disk.confState = *one.node.ApplyConfChange(proposed)
	}
	one.disk.applied = committed.Index
}

func confStateOf(m *members) pb.ConfState {
	return pb.ConfState{Voters: m.Voters, VotersOutgoing: m.Outgoing, Learners: m.Learners, LearnersNext: m.LearnersNext}
}

func membersOf(state pb.ConfState) members {
	return members{state.Voters, state.VotersOutgoing, state.Learners, state.LearnersNext, state.AutoLeave}
}

func confChangeOf(asked *change) pb.ConfChangeV2 {
	proposed := pb.ConfChangeV2{Transition: pb.ConfChangeTransition(asked.Transition)}
	kinds := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode}
	for position, kind := range asked.Kinds {
		step := pb.ConfChangeSingle{Type: kinds[kind], NodeID: asked.Replicas[position]}
		proposed.Changes = append(proposed.Changes, step)
	}
	return proposed
}

func entriesOf(entries []pb.Entry) (shown []entry) {
	for _, one := range entries {
		kind, payload := "NORMAL", string(one.Data)
		if one.Type == pb.EntryConfChangeV2 {
			kind, payload = "MEMBERSHIP", ""
		} else if len(one.Data) == 0 {
			kind = "EMPTY"
		}
		shown = append(shown, entry{one.Term, one.Index, kind, payload})
	}
	return shown
}

func messageOf(sent *pb.Message) message {
	data, err := sent.Marshal()
	must(err)
	shown := message{
		Kind: fmt.Sprint(sent.Type), Sender: sent.From, Recipient: sent.To, Term: sent.Term, LogTerm: sent.LogTerm,
		Index: sent.Index, Commit: sent.Commit, RejectHint: sent.RejectHint, Reject: sent.Reject,
		Context: string(sent.Context), Entries: entriesOf(sent.Entries), Data: data,
	}
	if sent.Type == pb.MsgSnap {
		metadata := sent.Snapshot.Metadata
		shown.Snapshot = &snapshot{metadata.Index, metadata.Term, membersOf(metadata.ConfState)}
	}
	return shown
}
